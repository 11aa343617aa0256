"""Offline switches and proxies, as the Hub's own libraries read them."""

from __future__ import annotations

import os
import subprocess
import sys

import httpx2
import pytest

from tuitune.hub import offline, proxy_problem, rows_offline

SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy", "NO_PROXY", "no_proxy")
CASES = [
    {},
    {"HF_HUB_OFFLINE": "1"},
    {"HF_HUB_OFFLINE": "Yes"},
    {"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "1"},
    {"HF_HUB_OFFLINE": "", "TRANSFORMERS_OFFLINE": "ON"},
    {"TRANSFORMERS_OFFLINE": "true"},
    {"TRANSFORMERS_OFFLINE": "no"},
    {"HF_DATASETS_OFFLINE": "1"},
    {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "0"},
]
ASKED = """
import ast, os, sys
import huggingface_hub.constants as hub
for case in ast.literal_eval(sys.argv[1]):
    on = hub._is_true(case.get("HF_HUB_OFFLINE") or case.get("TRANSFORMERS_OFFLINE"))
    rows = case.get("HF_DATASETS_OFFLINE")
    print(int(on), int(on if rows is None else rows.upper() in hub.ENV_VARS_TRUE_VALUES))
"""


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*SWITCHES, *PROXIES):
        monkeypatch.delenv(name, raising=False)


def test_offline_is_what_the_libraries_take_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = subprocess.run([sys.executable, "-c", ASKED, repr(CASES)], capture_output=True, text=True, check=True)
    for case, line in zip(CASES, asked.stdout.splitlines(), strict=True):
        with monkeypatch.context() as here:
            for name, value in case.items():
                here.setenv(name, value)
            models, rows = offline(), rows_offline()
        assert f"{int(models is not None)} {int(rows is not None)}" == line, case
        assert {models, rows} - {None} <= set(case)


@pytest.mark.parametrize(
    "address",
    [
        "http://proxy.example:3128", "https://proxy.example", "proxy.example:8080", "http://user:secret@proxy.example:1",
        "socks://127.0.0.1:9", "socks4://127.0.0.1:9", "socks5://127.0.0.1:9", "ftp://proxy.example", "http://",
        "http://proxy.example:99999", "http://proxy.example:port",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["https_proxy", "ALL_PROXY"])
def test_a_proxy_is_refused_where_the_client_cannot_use_it(
    monkeypatch: pytest.MonkeyPatch, name: str, address: str
) -> None:
    monkeypatch.setenv(name, address)
    try:
        httpx2.Client().close()
    except Exception:
        assert name in str(proxy_problem())
    else:
        assert proxy_problem() is None or address in ("http://", "http://proxy.example:99999")
    assert "secret" not in str(proxy_problem())


def test_what_is_offered_instead_of_an_unknown_proxy_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks://127.0.0.1:9")
    problem = str(proxy_problem())
    for scheme in ("http", "https"):
        assert f"{scheme}://" in problem
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://127.0.0.1:9")
        assert proxy_problem() is None
        httpx2.Client().close()
    assert os.environ["ALL_PROXY"]
