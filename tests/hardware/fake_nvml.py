"""Putting the stand-in for NVIDIA's library where `import pynvml` finds it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parent / "nvml"
NO_DRIVER = FOLDER / "no_driver.json"
"""For FAKE_NVML: a machine without a driver."""


def install(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The stand-in, fresh, for this process and for those that it starts."""
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    module = importlib.import_module("pynvml")
    del sys.modules["pynvml"]
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module
