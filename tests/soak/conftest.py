"""The laboratory of tests/faults."""

from tests.faults.conftest import engines, home_for_module

__all__ = ["engines", "home_for_module"]
