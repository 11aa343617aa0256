"""A whole run with a crash in it, looked at from outside: what it lets out, who may read it, who could reach it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.tools import real_runs
from tests.faults.tools.engines import ENVIRONMENT, Engines
from tests.faults.tools.processes import command_lines, doors, of_run, recorded
from tests.runs.harness import engine_identity, wait_for
from tuitune.runs import launcher
from tuitune.runs.store import identity
from tuitune.runs.store.directory import Run

SECRETS = {
    "HF_TOKEN": "hf_canarycanarycanarycanarycanary1",
    "HUGGING_FACE_HUB_TOKEN": "hf_canarycanarycanarycanarycanary2",
    "WANDB_API_KEY": "c0ffee" * 6 + "cafe",
    "OPENAI_API_KEY": "sk-canarycanarycanarycanarycanary",
    "AWS_SECRET_ACCESS_KEY": "canary/canary/canary/canary/canary/cana",
    "MY_DATABASE_PASSWORD": "a-canary-of-no-known-shape",
}

_PROCESSES = 3
"""Supervisor, engine and a data worker."""


@dataclass(frozen=True)
class Story:
    """What was seen of a run that was launched under umask 000, killed, resumed under umask 022 and finished."""

    run: Run
    doors: list[str]
    listed_by_ss: list[str]
    doors_of_workers: list[str]
    private_doors: list[str]
    command_lines: list[str]
    processes: int


@pytest.fixture(scope="module")
def story(engines: Engines, home_for_module: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    told = tmp_path_factory.mktemp("notify") / "told"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**SECRETS, **ENVIRONMENT, "XDG_RUNTIME_DIR": str(home_for_module / "runtime")}.items():
            patch.setenv(name, value)
        before = os.umask(0o000)
        try:
            yield _tell(engines, told)
        finally:
            os.umask(before)


def _tell(engines: Engines, told: Path) -> Story:
    run = real_runs.launch(
        engines, training__max_steps=80, checkpoints__every=20, training__workers=1,
        run__notify=f"sh -c 'env | tee {told} >&2'",
    )  # fmt: skip
    real_runs.until(run, lambda: real_runs.step(run) >= 20)
    pids = real_runs.until(run, lambda: found if len(found := of_run(run)) >= _PROCESSES else [])
    lines = [line for pid, line in command_lines().items() if pid in pids or str(run.path) in line]
    ours = recorded(run)
    of_workers = doors(set(pids) - set(ours))
    private = [door for door in of_workers if _is_private(door)]
    seen = Story(run, doors(ours), _listed_by_ss(ours), of_workers, private, lines, len(pids))
    identity.send_signal(engine_identity(run), signal.SIGKILL)
    assert real_runs.rest(run) == "crashed"
    os.umask(0o022)
    launcher.resume(run)
    assert real_runs.rest(run) == "finished"
    wait_for(told.exists)
    return seen


def _is_private(door: str) -> bool:
    """Whether a door is a socket in a folder that only this user may enter, as torch's data workers have one to hand
    over tensors."""
    kind, _, path = door.partition(" ")
    folder = Path(path).parent
    return kind == "unix" and path.startswith("/") and folder.stat().st_uid == os.geteuid() and not (
        stat.S_IMODE(folder.stat().st_mode) & 0o077
    )  # fmt: skip


def _listed_by_ss(pids: list[int]) -> list[str]:
    """The listening sockets that `ss` knows of these processes."""
    if shutil.which("ss") is None:
        return []
    listed = subprocess.run(["ss", "-ltnuxpH"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in listed if any(f"pid={pid}," in line for pid in pids)]


def test_no_secret_is_left_anywhere(story: Story) -> None:
    """Neither in a file of the run, whatever it prints and whoever it notifies, nor in a command line."""
    files = [path for path in story.run.path.rglob("*") if path.is_file()]
    assert len(files) > 15
    hits = [
        (name, str(path)) for name, secret in SECRETS.items() for path in files if secret.encode() in path.read_bytes()
    ]
    assert hits == []
    assert len(story.command_lines) >= 2
    assert not any(secret in line for secret in SECRETS.values() for line in story.command_lines)
    assert not any(secret in line for secret in SECRETS.values() for line in command_lines().values())


def test_a_run_is_its_owners_alone_whatever_the_umask(story: Story) -> None:
    for path in [story.run.path, *story.run.path.rglob("*")]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode & ~(0o700 if path.is_dir() else 0o600) == 0, (path, oct(mode))


def test_a_run_listens_on_nothing(story: Story) -> None:
    """No port, no listening and no abstract Unix socket, by `ss` and by the kernel's own tables. What torch's data
    workers open for their parent lies where nobody else can come."""
    assert story.processes >= _PROCESSES
    assert story.doors == []
    assert story.listed_by_ss == []
    assert story.doors_of_workers == story.private_doors


def test_the_look_for_listeners_finds_some(tmp_path: Path) -> None:
    with socket.socket() as port, socket.socket(socket.AF_UNIX) as path, socket.socket(socket.AF_UNIX) as abstract:
        port.bind(("127.0.0.1", 0))
        port.listen()
        path.bind(str(tmp_path / "door"))
        path.listen()
        abstract.bind(f"\0tuitune-{os.getpid()}")
        found = doors([os.getpid()])
    assert {door.split()[0] for door in found} == {"tcp", "unix"} and len(found) >= 3
