from __future__ import annotations

from dataclasses import replace

import pytest

from tuitune.hardware.gpus import Gpu, GpuProcess
from tuitune.hardware.occupancy import candidates, hides_all, is_exclusive, is_taken, title, training_gpu, users_text

GIB = 2**30
ONE = Gpu(index=0, uuid="GPU-aaaa", name="one")
TWO = Gpu(index=1, uuid="GPU-bbbb", name="two")
SLICES = [Gpu(index=2, uuid=f"MIG-{letter}", name="cut", mig=True) for letter in "cd"]
ALL = [ONE, TWO, *SLICES]


@pytest.mark.parametrize(
    ("wanted", "visible", "found"),
    [
        ("auto", None, ALL),
        ("auto", "1,0", [TWO, ONE]),
        ("auto", " GPU-b , GPU-a", [TWO, ONE]),
        ("auto", "0,7,1", [ONE]),
        ("auto", "0,0,2", [ONE, *SLICES]),
        ("auto", "MIG-d", [SLICES[1]]),
        ("auto", "", []),
        ("auto", "-1", []),
        ("auto", "none", []),
        ("cpu", None, []),
        ("1", "0", [TWO]),
        ("GPU-bbbb", "", [TWO]),
        ("7", None, []),
        ("GPU-x", None, []),
    ],
)
def test_the_cards_that_a_run_may_have(wanted: str, visible: str | None, found: list[Gpu]) -> None:
    assert candidates(ALL, wanted, visible) == found
    assert candidates([], wanted, visible) == []


def test_the_card_that_would_train_is_the_first_that_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    busy = Gpu(index=0, uuid="GPU-aaaa", name="one", memory_used=8 * GIB)
    assert training_gpu([ONE, TWO]) == ONE
    assert training_gpu([busy, TWO]) == TWO
    assert training_gpu([busy]) == busy
    assert training_gpu([busy, TWO], "0") == busy
    assert training_gpu([ONE, TWO], "cpu") is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert training_gpu([ONE, TWO]) == TWO
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert training_gpu([ONE, TWO]) is None


def card(used: int | None, *processes: GpuProcess, drawing: int = 0) -> Gpu:
    name = "NVIDIA H200"
    return Gpu(index=0, uuid=None, name=name, memory_used=used, processes=processes, graphics_memory=drawing)


ANNA = GpuProcess(11, "anna", 20 * GIB, "python3.11")
OURS = GpuProcess(12, "me", 3 * GIB, "python", "triage-2")
DESKTOP = GpuProcess(13, "root", GIB // 16, "Xorg")
HIDDEN = GpuProcess(14, None, 2 * GIB, None)
SECRETIVE = GpuProcess(15, "bob", None, "julia")


@pytest.mark.parametrize(
    ("gpu", "taken", "text"),
    [
        (card(None), False, ""),
        (card(0), False, ""),
        (card(GIB // 2, DESKTOP), False, ""),
        (card(20 * GIB, ANNA), True, "anna: python3.11, 21.5 GB"),
        (card(23 * GIB, ANNA, OURS), True, "anna: python3.11, 21.5 GB and me: the run triage-2, 3.2 GB"),
        (card(4 * GIB, drawing=3 * GIB + 1), False, ""),
        (card(4 * GIB, drawing=GIB), True, "a process not visible from here, 3.2 GB"),
        (card(4 * GIB), True, "a process not visible from here, 4.3 GB"),
        (card(2 * GIB, HIDDEN), True, "a process not visible from here, 2.1 GB"),
        (card(24 * GIB, ANNA), True, "anna: python3.11, 21.5 GB and a process not visible from here, 4.3 GB"),
        (card(None, SECRETIVE), True, "bob: julia"),
        (card(None, HIDDEN), True, "a process not visible from here, 2.1 GB"),
        (
            card(26 * GIB, DESKTOP, HIDDEN, OURS, ANNA),
            True,
            "anna: python3.11, 21.5 GB, me: the run triage-2, 3.2 GB and 1 more",
        ),
    ],
)
def test_who_is_at_work_on_a_card(gpu: Gpu, taken: bool, text: str) -> None:
    assert (is_taken(gpu), users_text(gpu)) == (taken, text)


@pytest.mark.parametrize(
    ("used", "processes", "drawing", "taken"),
    [
        (GIB + GIB // 2, (), 0, False),
        (2 * GIB + 1, (), 0, True),
        (2 * GIB, (), GIB // 2, False),
        (GIB + GIB // 2, (GpuProcess(11, "anna", GIB, "python"),), 0, True),
        (GIB + GIB // 2, (GpuProcess(33, None, None, "Xwayland"),), 0, False),
        (8 * GIB, (GpuProcess(33, None, None, "python"),), 0, True),
    ],
)
def test_what_a_desktop_holds_is_not_told_and_is_no_work(
    used: int, processes: tuple[GpuProcess, ...], drawing: int, taken: bool
) -> None:
    drawn = replace(card(used, *processes, drawing=drawing), display=True)
    assert is_taken(drawn) == taken
    assert taken or "not visible from here, 1" not in users_text(drawn)
    if not processes and not drawing:
        assert is_taken(replace(drawn, display=False))


def test_an_exclusive_card_is_taken_by_whoever_computes() -> None:
    small = GpuProcess(11, "anna", GIB // 64, "python")
    exclusive = replace(card(GIB // 32, small), mode="exclusive")
    assert is_taken(exclusive)
    assert users_text(exclusive) == "anna: python, 16.8 MB"
    assert not is_taken(replace(exclusive, mode="default"))
    assert not is_taken(replace(exclusive, processes=()))
    shared = replace(exclusive, processes=(GpuProcess(7, "root", GIB // 64, "nvidia-cuda-mps-server"),))
    assert not is_exclusive(shared)
    assert not is_taken(shared)


def test_hiding_all_cards_is_not_naming_one_that_is_not_there() -> None:
    assert all(map(hides_all, ("", "-1", " -1,0", "none", "NoDevFiles")))
    assert not any(map(hides_all, (None, "0", "7", "GPU-x", "0,-1")))


def test_names_of_others_are_made_harmless() -> None:
    evil = GpuProcess(11, "\x1b]0;owned\x07", GIB, "py\x1b[2Jthon", "a\nb")
    assert "\x1b" not in users_text(card(GIB, evil)) + title(Gpu(index=0, uuid=None, name="\x1b[2J"))
    assert title(ONE) == "GPU 0 (one)"
