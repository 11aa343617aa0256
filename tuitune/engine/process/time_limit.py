"""A limit on the CPU time of foreign code, such as chat templates.

`signal.setitimer` counts what all threads of a process use together; while tokens are made on all cores beside it, a
thread can only be held to a limit of its own by POSIX's per-thread timers, which Python does not offer.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType

from tuitune.engine.process.failures import EngineError

CPU_SECONDS = 2.0
"""Longest time that a template may take for one row; half a second later its process dies of it."""

_GRACE_SECONDS = 0.5
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


@contextmanager
def time_limit(seconds: float = CPU_SECONDS) -> Iterator[None]:
    """EngineError in what runs within for more than `seconds` of this thread's CPU time.

    Code that cannot be interrupted, such as a power of huge numbers, ends the process soon after that. Signals are
    for the main thread; elsewhere nothing is limited.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupt, end = _timers()
    before = signal.signal(signal.SIGPROF, _too_slow)
    interrupt.start(seconds)
    end.start(seconds + _GRACE_SECONDS)
    try:
        yield
    finally:
        interrupt.stop()
        end.stop()
        signal.signal(signal.SIGPROF, before)


@cache
def _timers() -> tuple[CpuTimer, CpuTimer]:
    """The main thread's: one whose signal is handled, one whose signal ends the process."""
    return CpuTimer(signal.SIGPROF), CpuTimer(signal.SIGVTALRM)


os.register_at_fork(after_in_child=_timers.cache_clear)  # a child inherits no timers


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise EngineError(f"the chat template ran for more than {CPU_SECONDS:g} s on one row and was stopped")


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
