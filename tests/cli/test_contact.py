"""`tuitune doctor --gpu`: who is refused, what an engine's word or end becomes, and the block for a report."""

from __future__ import annotations

import getpass
import json
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.cli.conftest import Answer
from tests.hardware import fake_nvml
from tests.hardware.profiles import DEFAULT, PROFILES
from tests.runs.harness import acquire
from tests.runs.queue.contenders import new_run
from tuitune.cli.doctor import contact
from tuitune.hardware import fitness
from tuitune.runs.queue.device_lock import DeviceLock
from tuitune.runs.queue.slots import SlotHolder

Cli = Callable[..., Answer]


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A machine with one A10G and a torch that can use it."""
    module = fake_nvml.install(monkeypatch)
    PROFILES["A10G"].show(module)
    monkeypatch.setattr(fitness, "installed", lambda: DEFAULT)
    return module


def engine(monkeypatch: pytest.MonkeyPatch, *lines: dict[str, Any], ending: str = "") -> None:
    """An engine that says this and then does what `ending` says."""
    said = "".join(f"print({json.dumps(line)!r}, flush=True)\n" for line in lines)
    program = f"import os, sys, time\n{said}{ending}"
    monkeypatch.setattr(contact, "engine_command", lambda: [sys.executable, "-c", program])


def check(title: str, state: str = "ok", text: str = "within 1e-07") -> tuple[dict[str, Any], dict[str, Any]]:
    done = {"kind": "check", "title": title, "state": state, "seconds": 1.25, "text": text}
    return {"kind": "begin", "title": title}, done


VERSIONS = {"kind": "versions", "versions": {"torch": "2.13.0", "triton": None}}


def test_a_machine_without_a_gpu_is_refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    module = fake_nvml.install(monkeypatch)
    module.state["init"] = module.NVML_ERROR_LIBRARY_NOT_FOUND
    answer = cli("doctor", "--gpu")
    assert (answer.code, answer.out) == (2, "")
    assert "no GPU to test: no NVIDIA driver on this machine" in answer.err


def test_cards_that_cannot_be_tried_are_refused(cli: Cli, nvml: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, VERSIONS, *check("one"))
    assert "no GPU 7 to test; this machine has GPU 0" in cli("doctor", "--gpu", "7").err
    holder = acquire(new_run("demo"), "auto", share=False)
    assert isinstance(holder, SlotHolder)
    with holder:
        answer = cli("doctor", "--gpu")
        assert (answer.code, "GPU 0 (NVIDIA A10G) is busy: training demo" in answer.err) == (2, True)
    PROFILES["exclusive-in-use"].show(nvml)
    assert "(NVIDIA A100-SXM4-80GB) is in use by" in cli("doctor", "--gpu").err
    PROFILES["V100"].show(nvml)
    answer = cli("doctor", "--gpu", "--json")
    assert (answer.code, answer.out) == (2, "")
    assert "torch==2.13.0+cu126" in answer.err


def test_results_are_told_line_by_line_and_in_a_block_that_names_nobody(
    cli: Cli, nvml: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_abcdefghijklmnop")
    private = f"{platform.node()}: {tmp_path}/secret/file.so of hf_abcdefghijklmnop \x1b[31mfails"
    engine(monkeypatch, VERSIONS, *check("packed attention"), *check("4 bits", "failed", private))
    answer = cli("doctor", "--gpu", "0")
    assert answer.code == 1
    before, block = answer.out.split("----- tuitune doctor --gpu: copy from here -----")
    assert before.splitlines()[0] == "ok      packed attention      1.2 s  within 1e-07"
    for words in ("NVIDIA A10G", "compute capability 8.6", "580.65.06", "CUDA 13.0", "sm_75", "triton missing"):
        assert words in block
    assert "…/file.so of ••• ␛[31mfails" in block
    assert "result: failed: 4 bits" in block
    for name in (str(tmp_path), "hf_abc", "GPU-0", str(Path.home())):
        assert name not in block
    assert len(platform.node()) < 3 or platform.node() not in block
    assert getpass.getuser() not in block
    lock = DeviceLock("GPU-0")
    assert lock.acquire()
    lock.release()


def test_an_engine_that_dies_fails_the_check_that_it_was_at(
    cli: Cli, nvml: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, _ = check("4 bits")
    last = "print('Error invalid device function at line 90', file=sys.stderr, flush=True)\n"
    engine(monkeypatch, VERSIONS, *check("loss"), begun, ending=f"{last}os.kill(os.getpid(), 11)")
    document = json.loads(cli("doctor", "--gpu", "--json").out)
    assert not document["passed"]
    assert [one["state"] for one in document["checks"]] == ["ok", "failed"]
    assert document["checks"][1]["title"] == "4 bits"
    assert "signal 11; Error invalid device function at line 90" in document["checks"][1]["text"]
    engine(monkeypatch, VERSIONS, *check("loss"), ending="os.kill(os.getpid(), 9)")
    document = json.loads(cli("doctor", "--gpu", "--json").out)
    assert [(one["title"], one["state"]) for one in document["checks"]] == [("loss", "ok"), ("engine", "failed")]
    engine(monkeypatch, ending="raise ImportError('no libcudnn')")
    document = json.loads(cli("doctor", "--gpu", "--json").out)
    assert [(one["title"], one["state"]) for one in document["checks"]] == [("engine", "failed")]
    assert "ImportError: no libcudnn" in document["checks"][0]["text"]
    assert "failed: engine" in "\n".join(document["report"])


def test_a_check_that_hangs_is_given_up(cli: Cli, nvml: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact, "CHECK_SECONDS", 2.0)
    begun, _ = check("Triton loss head")
    engine(monkeypatch, VERSIONS, begun, ending="time.sleep(600)")
    answer = cli("doctor", "--gpu")
    assert answer.code == 1
    assert "took more than 2 s" in answer.out


@pytest.mark.slow
def test_a_device_is_tried_by_an_engine(
    cli: Cli, nvml: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """All checks but the card: on this machine's CPU, by a process of its own that leaves nothing behind."""
    command = [*contact.engine_command(), "--device", "cpu"]
    monkeypatch.setattr(contact, "engine_command", lambda: command)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    document = json.loads(cli("doctor", "--gpu", "--json").out)
    assert document["passed"], document
    titles = [one["title"] for one in document["checks"]]
    assert titles == ["Triton loss head", "packed attention", "4 bits", "training in fp32"]
    assert document["checks"][-1]["text"].count("→") == 2
    assert "reloaded within" in document["checks"][-1]["text"]
    assert document["versions"]["torch"].startswith("2.")
    assert not list(tmp_path.glob("tuitune-contact-*"))
