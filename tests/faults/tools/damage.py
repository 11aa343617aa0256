"""What can happen to the files of a checkpoint after it was committed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.faults.tools.lives import Experiment
from tuitune.runs.store.directory import Run


def _missing(file: Path) -> None:
    file.unlink()


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _half(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _zero_tail(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))


def _bit_flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _of_another_step(file: Path) -> None:
    shutil.copyfile(file.parent.with_name("step-000002") / file.name, file)


def _link(file: Path) -> None:
    moved = file.parent.parent / f"moved-{file.name}"
    file.rename(moved)
    file.symlink_to(moved)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "missing": _missing,
    "empty": _empty,
    "cut to half": _half,
    "second half zero": _zero_tail,
    "one bit flipped": _bit_flip,
    "that of another step": _of_another_step,
    "a link": _link,
}


class Damaged:
    """A run that was killed after its second checkpoint, with both kept; copies of it are damaged."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._run = experiment.killed(experiment.commit_of(4) + 6)
        self._newest = self._run.checkpoints / "step-000004"
        self.files = sorted(path.name for path in self._newest.iterdir())
        assert (self._run.checkpoints / "step-000002").is_dir()

    def cases(self) -> list[tuple[str, str]]:
        """Every file with every damage that changes it."""
        older = self._newest.with_name("step-000002")
        alike = {name for name in self.files if (older / name).read_bytes() == (self._newest / name).read_bytes()}
        return [(f, d) for f in self.files for d in DAMAGES if not (f in alike and d == "that of another step")]

    def falls_back(self, file: str, damage: str, place: Path) -> str:
        """See that a run whose newest checkpoint is damaged goes on from the older one, says so, and ends the same; the
        damage."""
        copy = Run(shutil.copytree(self._run.path, place / f"{file}-{damage}".replace(" ", "-"), symlinks=True))
        DAMAGES[damage](copy.checkpoints / "step-000004" / file)
        begun_from = self._experiment.ends_the_same(copy, skipped=("step-000004",))
        assert begun_from == "step 2", (file, damage, begun_from)
        shutil.rmtree(copy.path)
        return damage

    def starts_again(self, place: Path) -> None:
        """See that a run with no checkpoint left to trust starts from its beginning, says why, and ends the same."""
        copy = Run(shutil.copytree(self._run.path, place / "all", symlinks=True))
        for step in ("step-000002", "step-000004"):
            DAMAGES["one bit flipped"](copy.checkpoints / step / "optimizer.pt")
        begun_from = self._experiment.ends_the_same(copy, skipped=("step-000004", "step-000002"))
        assert begun_from == "the beginning"
