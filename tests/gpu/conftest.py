"""The engine's fixtures, for the tests that need a GPU."""

from tests.engine.conftest import carried, chats, one_thread, prepared, tiny

__all__ = ["carried", "chats", "one_thread", "prepared", "tiny"]
