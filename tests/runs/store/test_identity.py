from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.runs.harness import wait_for
from tuitune.runs.store import identity
from tuitune.runs.store.identity import Identity


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process
    process.kill()
    process.wait()


def test_this_process_is_alive() -> None:
    me = identity.current()
    assert (me.pid, me.uid) == (os.getpid(), os.getuid())
    assert identity.alive(me)
    assert Identity.from_record(me.as_record()) == me


@pytest.mark.parametrize("change", [{"start_ticks": 1}, {"boot_id": "another-boot"}, {"pid": 2**22 + 1}])
def test_a_pid_alone_is_nobody(sleeper, change: dict) -> None:
    known = identity.of(sleeper.pid)
    assert known is not None
    reused = replace(known, **change)
    assert not identity.alive(reused)
    assert not identity.send_signal(reused, signal.SIGKILL)
    assert sleeper.poll() is None


def test_a_signal_reaches_the_process_and_a_zombie_is_dead(sleeper) -> None:
    known = identity.of(sleeper.pid)
    assert known is not None
    assert identity.send_signal(known, signal.SIGKILL)
    wait_for(lambda: not identity.alive(known))
    assert identity.of(sleeper.pid) is None
    assert not identity.send_signal(known, signal.SIGKILL)
    assert sleeper.wait() == -signal.SIGKILL
    assert not identity.alive(known)


GARBAGE = [0, 1, -1, True, False, None, 1.5, "12", 2**31, 2**70, [], {}]


@pytest.mark.parametrize("pid", GARBAGE, ids=repr)
def test_impossible_pids_name_nobody_and_kill_nobody(pid: object) -> None:
    record = {**identity.current().as_record(), "pid": pid}
    assert Identity.from_record(record) is None
    with pytest.raises(ValueError, match="not the pid of a process"):
        replace(identity.current(), pid=pid)


@pytest.mark.parametrize(
    "record", [None, [], "x", 7, {}, {"pid": 7}, {"pid": 7, "start_ticks": "1", "boot_id": 2}], ids=repr
)
def test_what_is_no_record_is_no_identity(record: object) -> None:
    assert Identity.from_record(record) is None


def test_a_record_that_names_this_process_is_no_target() -> None:
    me = identity.current()
    assert not identity.send_signal(me, signal.SIGKILL)
    assert not identity.signal_group(me, signal.SIGKILL)
    leader = identity.of(os.getpgrp())
    assert leader is None or not identity.signal_group(leader, signal.SIGKILL)


def test_a_group_is_signalled_only_through_its_living_leader(sleeper) -> None:
    follower = identity.of(sleeper.pid)
    assert follower is not None
    assert not identity.signal_group(follower, signal.SIGKILL), "it leads no group"
    with subprocess.Popen(["sleep", "60"], process_group=0) as led:
        leader = identity.of(led.pid)
        assert leader is not None
        assert not identity.signal_group(replace(leader, start_ticks=1), signal.SIGKILL)
        assert led.poll() is None
        assert identity.signal_group(leader, signal.SIGKILL)
        assert led.wait() == -signal.SIGKILL
        assert not identity.signal_group(leader, signal.SIGKILL)


def test_the_members_of_a_group_are_found() -> None:
    code = "import subprocess, sys; subprocess.Popen(['sleep', '60']); print('up', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, process_group=0) as leader:
        leader.stdout.readline()
        assert len(identity.group_members(leader.pid)) == 2
        os.killpg(leader.pid, signal.SIGKILL)
        wait_for(lambda: not identity.group_members(leader.pid))
