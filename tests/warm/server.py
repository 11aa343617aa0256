"""One process that has imported what jobs and engines do, for all workers of a test session: children start at once.

python -P -m tests.warm.server FOLDER PID      makes in FOLDER a tiny model and forty conversations, and listens at the
                                               socket FOLDER/door for as long as process PID lives

Who connects has a child of its own here, and sends it JSON, a packet each:
{"do": "job", …}                 with three descriptors: see `tests.warm.jobs`
{"do": "start" | "wait", …}      see `tests.faults.tools.engine_server`

What libraries read from the environment when they are imported (HF_HOME) is as it was for this process.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from pathlib import Path
from pkgutil import resolve_name

from tests.faults.tools import engine_server
from tests.warm import jobs

MOST_BYTES = 1 << 20
"""Of one packet."""


def main(folder: Path, pid: int) -> None:
    from tuitune.engine.process.environment import heavy_imports, prepare_environment

    prepare_environment()
    with heavy_imports():
        import torch

        import tuitune.engine.jobs.inspector
        import tuitune.engine.jobs.reward_trial
        import tuitune.engine.jobs.token_report
        import tuitune.engine.train  # noqa: F401 - every child has it then
        from tuitune.data.__main__ import TASKS
    for carried_out_by in TASKS.values():
        resolve_name(carried_out_by)
    torch.set_num_threads(1)
    _prepare(folder)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    watched = os.pidfd_open(pid)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as doors:
        doors.bind(str(folder / "door"))
        doors.listen(64)
        assert len(list(Path("/proc/self/task").iterdir())) == 1, "what another thread holds at a fork is held for ever"
        print("listening", flush=True)
        while watched not in select.select([doors, watched], [], [])[0]:
            line = doors.accept()[0]
            if os.fork() == 0:
                doors.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _serve(line)
            line.close()


def _serve(line: socket.socket) -> None:
    """The child. Never returns."""
    code = 1
    try:
        while (packet := socket.recv_fds(line, MOST_BYTES, 3))[0]:
            request, descriptors = json.loads(packet[0]), packet[1]
            answer = jobs.carry_out(line, request, descriptors) if descriptors else engine_server.answer(line, request)
            line.send(json.dumps(answer).encode())
        code = 0
    finally:
        os._exit(code)


def _prepare(folder: Path) -> None:
    """In a child too, which may start threads."""
    from tests.engine.support import conversation, save_model, write_rows

    if (pid := os.fork()) == 0:
        save_model(folder / "tiny")
        write_rows(folder / "chats.jsonl", [conversation(number) for number in range(40)])
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
