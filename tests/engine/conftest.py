"""Runs carried out in this process, on a small model and a little data."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.support import Carry, Outcome, conversation, save_model, write_rows
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.recipe.values import toml_text
from tuitune.runs.store.directory import Run, create

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Llama of some 100 000 parameters."""
    return save_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of forty short conversations."""
    return write_rows(tmp_path_factory.mktemp("data") / "chats.jsonl", [conversation(number) for number in range(40)])


@pytest.fixture
def prepared(home: Path, tiny: Path, chats: Path) -> Callable[..., Run]:
    """Makes a run of two steps on the tiny model; keywords are recipe keys with `__` for the dot."""

    def make(**settings: Any) -> Run:
        values = {
            "model.id": str(tiny), "data.train": str(chats), "data.max_length": 64, "training.max_steps": 2,
            "training.batch_size": 2, "training.accumulation": 1, "adapter.rank": 4, "checkpoints.every": "end",
        }  # fmt: skip
        values.update({key.replace("__", "."): value for key, value in settings.items()})
        return create(apply(Recipe(), [f"{key}={toml_text(value)}" for key, value in values.items()]))

    return make


@pytest.fixture
def carried(prepared: Callable[..., Run]) -> Carry:
    """Carries out a run in this process."""

    def run(**settings: Any) -> Outcome:
        from tuitune.engine.worker import carry_out

        made = prepared(**settings)
        return Outcome(made, carry_out(made.path))

    return run


@pytest.fixture
def roomy() -> Iterator[None]:
    """The inspector limits the memory of its process; this one is given back what it had."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)
