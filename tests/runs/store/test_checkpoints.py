"""Checkpoints on disk: whole or not there, never chosen when damaged, and never the last healthy one dropped."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuitune.runs.store import checkpoints, manifest
from tuitune.runs.store.checkpoints import Checkpoint
from tuitune.runs.store.directory import Run

CONTENTS = {
    "adapter_config.json": b'{"r": 4}',
    "adapter_model.safetensors": bytes(range(256)) * 8,
    "optimizer.pt": os.urandom(3000),
    "rng_state.pth": b"random state" * 40,
    "templates/tool.jinja": b"{{ messages }}",
    "trainer_state.json": b'{"global_step": 7}',
}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    (tmp_path / "run").mkdir(mode=0o700)
    return Run(tmp_path / "run")


def save(run: Run, step: int, *, healthy: bool = True, **fields: Any) -> Path:
    staged = checkpoints.stage(run.checkpoints)
    for name, content in CONTENTS.items():
        (staged / name).parent.mkdir(exist_ok=True)
        (staged / name).write_bytes(content)
    return checkpoints.commit(run.checkpoints, staged, {"step": step, "healthy": healthy, **fields})


def names(run: Run) -> list[str]:
    return sorted(path.name for path in run.checkpoints.iterdir())


def steps(found: list[Checkpoint]) -> list[int]:
    return [checkpoint.step for checkpoint in found]


def test_a_committed_checkpoint_is_whole_private_and_says_what_it_is(run: Run) -> None:
    path = save(run, 7, progress={"loss": 0.1 + 0.2, "counts": {1: 2}})
    assert path == run.checkpoints / "step-000007" and names(run) == ["step-000007"]
    assert path.stat().st_mode & 0o777 == run.checkpoints.stat().st_mode & 0o777 == 0o700
    chosen, skipped = checkpoints.newest(run)
    assert chosen is not None and chosen.path == path and chosen.healthy and skipped == []
    assert chosen.manifest is not None and chosen.manifest["progress"] == {"loss": 0.1 + 0.2, "counts": {"1": 2}}
    assert set(chosen.manifest["files"]) == set(CONTENTS)
    assert checkpoints.committed(run, 7) == chosen and checkpoints.committed(run, 8) is None


def test_a_run_without_checkpoints_has_none(run: Run) -> None:
    assert checkpoints.listing(run) == [] and checkpoints.newest(run) == (None, [])
    assert checkpoints.rotate(run, 1) == [] and checkpoints.shortage(run) == ""
    checkpoints.clear_debris(run)


# ---- damage


def missing(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    os.truncate(path, 0)


def half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def zero_tail(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


def bit_flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def link(path: Path) -> None:
    """The right content, but of a file somewhere else."""
    elsewhere = path.rename(path.parent.parent / f"elsewhere-{path.name}")
    path.symlink_to(elsewhere)


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [missing, empty, half, zero_tail, bit_flip, longer, link, fifo, folder])
@pytest.mark.parametrize("name", [*CONTENTS, manifest.NAME])
def test_a_damaged_checkpoint_is_passed_over_with_a_reason(run: Run, name: str, damage: Callable[[Path], None]) -> None:
    older, newer = save(run, 5), save(run, 10)
    damage(newer / name)
    chosen, skipped = checkpoints.newest(run)
    assert chosen is not None and chosen.path == older
    ((path, reason),) = skipped
    assert path == newer and name in reason
    assert checkpoints.committed(run, 10) is None


@given(at=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255), cut=st.booleans())
def test_a_manifest_is_read_as_it_was_written_or_not_at_all(
    tmp_path_factory: pytest.TempPathFactory, at: float, byte: int, cut: bool
) -> None:
    run = Run(tmp_path_factory.mktemp("run"))
    path = save(run, 7, progress={"tokens": 12345, "best": None}) / manifest.NAME
    written, content = manifest.read(path.parent), bytearray(path.read_bytes())
    where = int(at * len(content))
    content[where] = byte
    path.write_bytes(content[:where] if cut else content)
    assert manifest.read(path.parent) in (None, written)


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{}",
        b"null",
        b'{"v": 1, "step": 10, "digest": "", "files": {}}',
        b"[" * 100_000,
        b'{"v": ' + b"9" * 5000 + b"}",
        b"\xff\xfe",
    ],
)
def test_a_foreign_manifest_is_none(run: Run, content: bytes) -> None:
    path = save(run, 10)
    (path / manifest.NAME).write_bytes(content)
    (found,) = checkpoints.listing(run)
    assert found.manifest is None and not found.healthy


@pytest.mark.parametrize(
    "files",
    [
        *({name: {"size": 0, "sha256": ""}} for name in ("../../secret", "/etc/passwd", "", "templates/../../secret")),
        *({name: {"size": 0, "sha256": ""}} for name in ("\x00/torn", "\ud800/odd")),
        *({"adapter_config.json": {"size": size, "sha256": ""}} for size in ("8", [8], None, True, 8.0)),
        {"adapter_config.json": {"size": 8, "sha256": 7}},
        {"adapter_config.json": {"size": 8}},
        {"adapter_config.json": "whole"},
    ],
)
def test_a_manifest_that_lists_what_can_be_no_file_of_the_folder_is_none(run: Run, files: dict[str, Any]) -> None:
    path = save(run, 10)
    body = manifest.read(path)
    assert body is not None
    body["files"] = files
    (path / manifest.NAME).unlink()
    text = json.dumps({**body, "digest": manifest._digest(body)})
    (path / manifest.NAME).write_text(text)
    assert manifest.read(path) is None


def test_a_manifest_of_another_step_is_not_believed(run: Run) -> None:
    save(run, 5).rename(run.checkpoints / "step-000099")
    chosen, skipped = checkpoints.newest(run)
    assert chosen is None and [path.name for path, _ in skipped] == ["step-000099"]


def test_an_unhealthy_checkpoint_is_passed_over(run: Run) -> None:
    save(run, 5)
    save(run, 10, healthy=False)
    chosen, skipped = checkpoints.newest(run)
    assert chosen is not None and chosen.step == 5
    assert [(path.name, "finite" in reason) for path, reason in skipped] == [("step-000010", True)]


def test_a_file_that_was_added_does_no_harm(run: Run) -> None:
    (save(run, 5) / "notes.txt").write_text("mine")
    chosen, _ = checkpoints.newest(run)
    assert chosen is not None and chosen.step == 5


# ---- what is committed


def test_links_and_devices_are_never_committed(run: Run, tmp_path: Path) -> None:
    save(run, 5)
    for make in (lambda path: path.symlink_to("/etc/hostname"), lambda path: path.symlink_to("/etc"), os.mkfifo):
        staged = checkpoints.stage(run.checkpoints)
        make(staged / "file")
        with pytest.raises(OSError, match="neither a file nor a folder"):
            checkpoints.commit(run.checkpoints, staged, {"step": 6, "healthy": True})
    assert steps(checkpoints.listing(run)) == [5]


def test_a_number_that_json_does_not_know_is_refused(run: Run) -> None:
    with pytest.raises(ValueError, match="JSON"):
        save(run, 5, progress={"loss": float("nan")})
    assert checkpoints.listing(run) == []


def test_a_planted_link_leads_nowhere(run: Run, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    run.checkpoints.mkdir()
    (run.checkpoints / ".staging").symlink_to(outside)
    (run.checkpoints / ".trash-step-000001-1").symlink_to(outside)
    checkpoints.clear_debris(run)
    (run.checkpoints / ".staging").symlink_to(outside)
    (run.checkpoints / "step-000005").symlink_to(outside)
    with pytest.raises(OSError, match="in the way"):
        save(run, 5)
    save(run, 6)
    assert steps(checkpoints.listing(run)) == [6] and [path.name for path in outside.iterdir()] == ["precious"]


def test_a_checkpoint_folder_that_is_a_link_is_refused(run: Run, tmp_path: Path) -> None:
    outside = Run(tmp_path / "outside")
    outside.path.mkdir()
    for step in (1, 2):
        save(outside, step)
    (outside.checkpoints / ".staging").mkdir()
    run.checkpoints.symlink_to(outside.checkpoints)
    with pytest.raises(OSError):
        save(run, 5)
    checkpoints.clear_debris(run)
    assert checkpoints.listing(run) == [] and checkpoints.rotate(run, 1) == []
    assert names(outside) == [".staging", "step-000001", "step-000002"]


def test_an_unhealthy_or_damaged_checkpoint_of_the_same_step_is_replaced(run: Run) -> None:
    save(run, 5, healthy=False)
    save(run, 5)
    assert checkpoints.listing(run)[0].healthy and names(run) == ["step-000005"]
    bit_flip(run.checkpoints / "step-000005" / "optimizer.pt")
    save(run, 5)
    assert checkpoints.verify(checkpoints.listing(run)[0]) == "" and names(run) == ["step-000005"]


def test_a_folder_of_somebody_else_is_set_aside_and_kept(run: Run) -> None:
    (run.checkpoints / "step-000005").mkdir(parents=True)
    (run.checkpoints / "step-000005" / "notes.txt").write_text("mine")
    save(run, 5)
    aside, own = sorted(run.checkpoints.iterdir())
    assert own.name == "step-000005" and aside.name.startswith(".damaged-step-000005-")
    assert (aside / "notes.txt").read_text() == "mine"
    assert steps(checkpoints.listing(run)) == [5]


def test_too_little_room_is_noticed_before_saving(run: Run) -> None:
    path = save(run, 5)
    assert checkpoints.shortage(run) == ""
    body = manifest.read(path)
    assert body is not None
    body["files"]["optimizer.pt"]["size"] = 1 << 60
    (path / manifest.NAME).write_text(json.dumps({**body, "digest": manifest._digest(body)}))
    assert "needs" in checkpoints.shortage(run) and "are free" in checkpoints.shortage(run)


# ---- rotation


def test_the_newest_healthy_ones_are_kept_and_the_best(run: Run) -> None:
    for step in (10, 20, 30, 40, 50):
        save(run, step)
    dropped = checkpoints.rotate(run, 2, {20})
    assert [path.name for path in dropped] == ["step-000010", "step-000030"]
    assert names(run) == ["step-000020", "step-000040", "step-000050"]


def test_age_does_not_count(run: Run) -> None:
    now = time.time()
    for step in (10, 20, 30):
        path = save(run, step)
        os.utime(path, (now - step, now - step))
    os.utime(run.checkpoints / "step-000010", (now + 99, now + 99))
    checkpoints.rotate(run, 1)
    assert names(run) == ["step-000030"]


def test_only_own_checkpoints_are_dropped(run: Run, tmp_path: Path) -> None:
    outside = Run(tmp_path / "outside")
    outside.path.mkdir()
    save(outside, 1)
    for step in (10, 20, 30):
        save(run, step)
    foreign = ["checkpoint-foo", "checkpoint-15", "step-notes", "step-15", "step-0000015", "step-000015.old"]
    for name in foreign:
        (run.checkpoints / name).mkdir()
    (run.checkpoints / "step-000016").mkdir()
    (run.checkpoints / "step-000017").write_text("a file")
    (run.checkpoints / "step-000001").symlink_to(outside.checkpoints / "step-000001")
    dropped = checkpoints.rotate(run, 1)
    assert [path.name for path in dropped] == ["step-000010", "step-000020"]
    assert names(run) == sorted([*foreign, "step-000016", "step-000017", "step-000001", "step-000030"])
    assert names(outside) == ["step-000001"]


def test_damaged_ones_neither_count_nor_go(run: Run) -> None:
    for step in (10, 20, 30, 40):
        save(run, step)
    bit_flip(run.checkpoints / "step-000030" / "optimizer.pt")
    half(run.checkpoints / "step-000040" / manifest.NAME)
    (run.checkpoints / "step-000050").mkdir()
    assert [path.name for path in checkpoints.rotate(run, 1)] == ["step-000010"]
    assert names(run) == ["step-000020", "step-000030", "step-000040", "step-000050"]
    chosen, skipped = checkpoints.newest(run)
    assert chosen is not None and chosen.step == 20 and len(skipped) == 3


def test_the_last_healthy_one_outlives_unhealthy_ones(run: Run) -> None:
    save(run, 10)
    for step in (20, 30, 40):
        save(run, step, healthy=False)
        checkpoints.rotate(run, 1)
    assert names(run) == ["step-000010", "step-000040"]
    assert [path.name for path in checkpoints.rotate(run, 1)] == []


def test_a_stale_higher_step_does_not_push_out_what_is_newer(run: Run) -> None:
    save(run, 100)
    missing(run.checkpoints / "step-000100" / "optimizer.pt")
    for step in (50, 60):
        save(run, step)
    checkpoints.rotate(run, 1)
    assert names(run) == ["step-000060", "step-000100"]
    save(run, 100)
    checkpoints.rotate(run, 1)
    assert names(run) == ["step-000100"]


# ---- kills


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Do `work` in a child that SIGKILLs itself at its n-th change of the file system; False where it has fewer."""
    pid = os.fork()
    if pid == 0:
        seen = 0

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal seen
            written = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if written or event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree"):
                seen += 1
                if seen == number:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        work()
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


def save_and_rotate(run: Run, step: int) -> None:
    checkpoints.clear_debris(run)
    save(run, step)
    checkpoints.rotate(run, 1)


def test_a_kill_at_any_point_leaves_a_checkpoint_and_a_way_on(tmp_path: Path) -> None:
    points = 0
    while True:
        run = Run(tmp_path / f"run-{points}")
        run.path.mkdir()
        save(run, 10)
        if not killed_at(points + 1, lambda run=run: save_and_rotate(run, 20)):
            break
        points += 1
        chosen, skipped = checkpoints.newest(run)
        assert chosen is not None and skipped == [], points
        save_and_rotate(run, 20)
        assert names(run) == ["step-000020"]
    print(f"{points} kill points")
    assert points > 20


def test_a_kill_while_clearing_up_converges(tmp_path: Path) -> None:
    points = 0
    while True:
        run = Run(tmp_path / f"run-{points}")
        run.path.mkdir()
        save(run, 10)
        save(run, 11).rename(run.checkpoints / ".trash-step-000011-1")
        staged = save(run, 12).rename(run.checkpoints / ".staging")
        (staged / "deep").mkdir()
        (run.checkpoints / ".trash-mine").mkdir()
        if not killed_at(points + 1, lambda run=run: checkpoints.clear_debris(run)):
            break
        points += 1
        checkpoints.clear_debris(run)
        assert names(run) == [".trash-mine", "step-000010"]
    assert points > 10
