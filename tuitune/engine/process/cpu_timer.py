"""A timer on the CPU time of one thread.

`signal.setitimer` counts what all threads of a process use together; while tokens are made on all cores beside it, a
thread can only be held to a limit of its own by POSIX's per-thread timers, which Python does not offer.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time

_SIGNAL_THE_PROCESS = 0


class _Event(ctypes.Structure):
    _fields_ = [
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_byte * 48),
    ]


class _Duration(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long)]


class _Setting(ctypes.Structure):
    _fields_ = [("interval", _Duration), ("value", _Duration)]


_library = ctypes.CDLL("librt.so.1", use_errno=True)


class CpuTimer:
    """Sends a signal to the process once the thread that made the timer has used some seconds of CPU time.

    OSError where the system refuses it, as in a child made by fork, which inherits no timers.
    """

    def __init__(self, number: signal.Signals) -> None:
        self._timer = ctypes.c_void_p()
        event = _Event(signal=number, notify=_SIGNAL_THE_PROCESS)
        clock = ctypes.c_int(time.CLOCK_THREAD_CPUTIME_ID)
        _checked(_library.timer_create(clock, ctypes.byref(event), ctypes.byref(self._timer)))

    def start(self, seconds: float) -> None:
        """Count from now, once."""
        self._set(_Setting(value=_Duration(int(seconds), int(seconds % 1 * 1e9))))

    def stop(self) -> None:
        self._set(_Setting())

    def _set(self, setting: _Setting) -> None:
        _checked(_library.timer_settime(self._timer, 0, ctypes.byref(setting), None))


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
