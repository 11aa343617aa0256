"""Keys as they are meant: Alt with a key is not that key alone; and giving the terminal back to the shell (Ctrl-Z)."""

from __future__ import annotations

import os
from collections.abc import Iterable

from textual import events
from textual._keyboard_protocol import MODIFIER_FUNCTIONAL_KEYS
from textual._xterm_parser import XTermParser
from textual.drivers import linux_driver
from textual.keys import format_key

_ESCAPE = "\x1b"
_QUIET = MODIFIER_FUNCTIONAL_KEYS | {"caps_lock", "scroll_lock", "num_lock", "<ignore>"}
_QUIET_PREFIXES = ("media_", "lower_", "raise_", "mute_")


class KeyParser(XTermParser):
    """Textual's parser reads Alt+Enter as Enter, Alt+] as ], and lets Alt with a letter type that letter.

    Most terminals send Alt with a key as Escape and the key. Here that is a key of its own, without a character:
    nothing is bound to it. Escape pressed less than 100 ms before another key cannot be told from it, so neither acts.
    """

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[events.Key]:
        for key in super()._sequence_to_key_events(sequence, alt):
            if alt:
                yield events.Key(key.key if key.key.startswith("alt+") else f"alt+{key.key}", None)
            else:
                yield key


class Driver(linux_driver.LinuxDriver):
    """Textual's driver with the parser above, and one size of the terminal."""

    def run_input_thread(self) -> None:
        linux_driver.XTermParser = KeyParser  # type: ignore[misc]
        super().run_input_thread()

    def _get_terminal_size(self) -> tuple[int, int]:
        """The size that rich finds: Textual's own differs where a terminal tells none, and it then never settles."""
        return self._app.console.size


def key_name(event: events.Key) -> str | None:
    """What to call a key that somebody pressed on purpose; None for modifiers and keys of the desktop."""
    if event.key in _QUIET or event.key.startswith(_QUIET_PREFIXES):
        return None
    if event.is_printable and event.character and event.character.strip():
        return event.character
    return "+".join([*event.key.split("+")[:-1], format_key(event.key.split("+")[-1])])


def nobody_to_resume() -> bool:
    """Whether no shell waits to bring this process back: its group has no parent in the session (as after `exec`, in
    a terminal window or tmux pane of its own, or as the command of ssh).
    """
    import psutil

    try:
        parent = psutil.Process(os.getpgrp()).ppid()
        return parent <= 1 or os.getsid(parent) != os.getsid(0)
    except (OSError, psutil.Error):
        return True
