"""The engine's fixtures, for the tests that need a GPU: one of them, chosen before anything has looked for CUDA."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.engine.conftest import carried, chats, one_thread, prepared, tiny

__all__ = ["carried", "chats", "one_thread", "prepared", "tiny"]

_BEFORE = os.environ.get("CUDA_VISIBLE_DEVICES")
os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
ONE_GPU = os.environ["CUDA_VISIBLE_DEVICES"] = (_BEFORE if _BEFORE is not None else "0").split(",")[0]


def pytest_collection_finish() -> None:
    """Tests in other folders see what they would have seen."""
    if _BEFORE is None:
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = _BEFORE


@pytest.fixture(autouse=True)
def one_gpu(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For engines in processes of their own, too."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", ONE_GPU)
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
