"""Getting a text onto the clipboard of whoever sits at the terminal, over SSH and out of tmux."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable


def copy(text: str, osc52: Callable[[str], None]) -> str:
    """Copy a short text; what was done, in words. `osc52` writes the terminal's own copy sequence.

    tmux ignores that sequence from programs, but takes a buffer and passes it on to its terminal.
    """
    osc52(text)
    if "TMUX" not in os.environ:
        return "sent to your terminal's clipboard (OSC 52)"
    try:
        command = ["tmux", "load-buffer", "-w", "-"]
        subprocess.run(command, input=text.encode("utf-8", "replace"), capture_output=True, timeout=2, check=True)
    except (OSError, subprocess.SubprocessError):
        return "tmux did not take it; your terminal's clipboard may have it (OSC 52)"
    return "put into tmux's paste buffer and sent to your terminal's clipboard"
