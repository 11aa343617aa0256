"""What every test shares: a home of its own, so that nothing is read from or written to the user's folders."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.warm.fixtures import warm, warm_python, warm_server

__all__ = ["home", "warm", "warm_python", "warm_server"]

settings.register_profile("tuitune", max_examples=40, deadline=None, derandomize="CI" in os.environ)
settings.load_profile("tuitune")


def pytest_configure(config: pytest.Config) -> None:
    """Have each worker begin at another folder: all collect all tests, and what one has compiled the others find."""
    if "PYTEST_XDIST_WORKER" in os.environ and len(config.args) == 1 and Path(config.args[0]).is_dir():
        number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
        inside = [path for path in sorted(Path(config.args[0]).iterdir()) if _has_tests(path)]
        first = number * len(inside) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        config.args = [str(path) for path in (*inside[first:], *inside[:first])] or config.args


def _has_tests(path: Path) -> bool:
    return next(path.rglob("test_*.py"), None) is not None if path.is_dir() else path.match("test_*.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The screens first: their files are long, and the one that is begun last should be short.

    In one order for all workers, wherever they have begun.
    """
    items.sort(key=lambda item: (not item.nodeid.startswith("tests/tui/"), str(item.path)))


@pytest.fixture(scope="session", autouse=True)
def own_devices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Device leases away from the user's, so that no run of the tests waits for a run of theirs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty `TUITUNE_HOME`, with settings, device leases and the Hugging Face cache beside it."""
    folder = tmp_path / "home"
    monkeypatch.setenv("TUITUNE_HOME", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    monkeypatch.setenv("HF_HUB_DISABLE_TELEMETRY", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # on models of this size threads wait for each other
    for name in ("HF_HUB_OFFLINE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")  # so that what a test leaves there goes with it
        monkeypatch.delenv(name)
    return folder


@pytest.fixture
def many_files() -> Iterator[None]:
    """More open files than `select.select` takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1500:
        pytest.skip("no process may open so many files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1500), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    yield
    for one in held:
        os.close(one)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
