"""What the kernel's log says about the GPU: Xid errors, which end a CUDA program without a word of explanation."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tuitune.text import clean

KMSG = Path("/dev/kmsg")

_XID = re.compile(r"NVRM: Xid \((?:PCI:)?([0-9a-fA-F:.]+)\): (\d+),? ?(.*)")
_PID = re.compile(r"pid='?(\d+)")
_RECORD = 8192
_AT_MOST = 10_000
_MEANINGS = {
    13: "a program error on the GPU, or a fault of the card",
    31: "a program accessed invalid GPU memory",
    43: "the GPU stopped working for this program",
    48: "the GPU's memory has an uncorrectable error",
    62: "the GPU's controller halted",
    63: "a page of the GPU's memory was retired",
    64: "a page of the GPU's memory could not be retired",
    74: "NVLink failed",
    79: "the GPU has fallen off the bus",
    94: "the GPU's memory has an uncorrectable error, contained to this program",
    95: "the GPU's memory has an uncorrectable error; the GPU must be reset",
    119: "the GPU's system processor does not answer",
    120: "the GPU's system processor failed",
    140: "the GPU's memory has an uncorrectable error",
}


class KernelLog:
    """The kernel's log from now on. Where this user may not read it, it is empty."""

    def __init__(self, path: Path = KMSG) -> None:
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
            os.lseek(self._fd, 0, os.SEEK_END)
        except OSError:
            self._fd = -1

    def xids(self, pid: int | None = None) -> list[str]:
        """The GPU errors since the last call, in words; without those of processes that are known to be others."""
        return [words for line in self._lines() if (words := _xid(line, pid))]

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _lines(self) -> list[str]:
        """Each read gives one record, an error where records were lost, and another where there is none left."""
        lines: list[str] = []
        for _ in range(_AT_MOST):
            try:
                content = os.read(self._fd, _RECORD) if self._fd >= 0 else b""
            except BrokenPipeError:
                continue
            except OSError:
                break
            if not content:
                break
            lines += content.decode("utf-8", "replace").splitlines()
        return lines


def _xid(line: str, pid: int | None) -> str:
    found = _XID.search(line)
    if found is None:
        return ""
    whose = _PID.search(found[3])
    if whose is not None and pid is not None and int(whose[1]) != pid and Path(f"/proc/{whose[1]}").exists():
        return ""
    code = int(found[2])
    return f"GPU error Xid {code} on {found[1]}: {_MEANINGS.get(code) or clean(found[3], limit=120) or 'unknown'}"
