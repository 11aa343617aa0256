"""The engine's fixtures, for the tests that need a GPU: one of them, chosen before anything has looked for CUDA."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ONE_GPU = os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")

from tests.engine.conftest import carried, chats, one_thread, prepared, tiny

__all__ = ["carried", "chats", "one_thread", "prepared", "tiny"]


@pytest.fixture(autouse=True)
def one_gpu(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For engines in processes of their own, too."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ONE_GPU)
