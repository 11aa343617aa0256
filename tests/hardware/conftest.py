"""A machine with the GPUs that a test wants."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.hardware import fake_nvml


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The stand-in library, found by `import pynvml` as the real one would be."""
    return fake_nvml.install(monkeypatch)
