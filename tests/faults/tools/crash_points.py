"""The moments at which a process may be killed: every file-system event below a folder that Python sees, and the start
of every process.

Installed in a process of its own, for an audit hook stays for ever. Native code writes files without such an event, so
`torch.save` and safetensors count too. Every file that is written has a point at which half of it is there.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR
_FRESH = os.O_TRUNC | os.O_EXCL
_EVENTS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate")


class CrashPoints:
    """Lists the events below `root` in `names`, and has this process killed at the one with number `kill_at` (1…)."""

    def __init__(self, root: Path, kill_at: int | None) -> None:
        self.names: list[str] = []
        self._root = str(root)
        self._kill_at = kill_at
        self._being_written = ""

    def install(self, *, torch: bool = False) -> None:
        """Begin to count. With `torch`, what that writes counts too."""
        sys.addaudithook(self._audit)
        for name in ("write", "fsync", "fdatasync"):
            setattr(os, name, self._before_descriptor(name, getattr(os, name)))
        if torch:
            self._around_native_writers()

    def passes(self, name: str) -> None:
        """A point of another kind."""
        self._tick(name)

    def _tick(self, name: str, tear: Callable[[], object] | None = None) -> None:
        if file := self._being_written:
            self._being_written = ""
            self._tick(f"half of {self._within(file)}", lambda: _halve(file))
        self.names.append(name)
        if len(self.names) == self._kill_at:
            if tear:
                self._kill_at = None
                tear()
            os.kill(os.getpid(), signal.SIGKILL)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            file, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING and (name := self._within(file)):
                self._tick(f"open {name}")
                self._being_written = str(file) if flags & _FRESH and not isinstance(file, int) else ""
        elif event == "subprocess.Popen":
            self._tick("start of a process")
        elif event in _EVENTS and (name := self._within(arguments[0], arguments[-1])):
            target = f" to {self._within(arguments[1], arguments[-1])}" if event == "os.rename" else ""
            self._tick(f"{event.removeprefix('os.')} {name}{target}")

    def _within(self, path: object, directory: object = -1) -> str:
        """The name below the root of a path, a descriptor, or a path relative to an open directory; "" outside."""
        if isinstance(path, int):
            name = _target(path)
        else:
            name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
            if not name.startswith("/"):
                known = isinstance(directory, int) and directory >= 0
                name = f"{_target(directory) if known else Path.cwd()}/{name}"  # type: ignore[arg-type]
        return name[len(self._root) :].lstrip("/") or "." if name.startswith(self._root) else ""

    def _before_descriptor(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """`os.write` and the like with a point before them; a write also has one at which half of it is done."""

        def counted(fd: int, *rest: Any) -> Any:
            if (file := self._within(fd)) and file != "log.txt":
                self._tick(f"{name} {file}")
                if name == "write":
                    self._being_written = ""
                    self._tick(f"half of a write {file}", lambda: call(fd, rest[0][: len(rest[0]) // 2]))
            return call(fd, *rest)

        return counted

    def _around_native_writers(self) -> None:
        import safetensors.torch
        import torch

        save, serialize = torch.save, safetensors.torch.serialize_file

        def counted_save(obj: object, file: Any, *rest: Any, **named: Any) -> None:
            self._around("torch.save", file, lambda: save(obj, file, *rest, **named))

        def counted_serialize(tensors: Any, file: Any, *rest: Any, **named: Any) -> None:
            self._around("safetensors", file, lambda: serialize(tensors, file, *rest, **named))

        torch.save, safetensors.torch.serialize_file = counted_save, counted_serialize

    def _around(self, what: str, file: Any, write: Callable[[], None]) -> None:
        self._tick(f"{what} {self._within(file)}")
        write()
        self._tick(f"half of {what} {self._within(file)}", lambda: _halve(file))
        self._tick(f"after {what} {self._within(file)}")


def _halve(file: str | Path) -> None:
    """Cut the file that is being written to half of what it holds, as when death comes in the middle."""
    with suppress(OSError):
        os.truncate(file, Path(file).stat().st_size // 2)


def _target(descriptor: int) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - a Path would make an event of its own
    except OSError:
        return ""
