"""A small program in the place of the engine: it keeps the engine's side of the bargain (records, SIGTERM, exit codes)
or breaks it in one particular way.

    python stand_in.py RUN_DIR BEHAVIOUR [FILE]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tuitune.runs.directory import Run
from tuitune.runs.journal import Writer

run, behaviour = Run(Path(sys.argv[1])), sys.argv[2]
metrics = Writer(run.metrics_file)
asked = 0


def on_term(number: int, frame: object) -> None:
    global asked
    asked += 1


def end(outcome: str, reason: str | None, code: int) -> None:
    metrics.append(kind="end", outcome=outcome, reason=reason, step=7, sync=True)
    sys.exit(code)


def train_until(done: Path | None) -> None:
    """Take steps until `done` exists (the run finishes) or SIGTERM comes (it stops)."""
    step = 0
    while not asked and not (done and done.exists()):
        step += 1
        metrics.append(kind="step", step=step, loss=1 / step, step_seconds=0.01)
        print(f"step {step}", flush=True)
        time.sleep(0.01)
    if asked:
        end("stopped", f"stopped on request after step {step}", 3)


def leave_orphan(pid_file: str) -> None:
    """A grandchild that ignores SIGTERM and outlives its parent, as a data worker may."""
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    )
    orphan = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert orphan.stdout is not None
    orphan.stdout.readline()
    Path(pid_file).write_text(str(orphan.pid))


if behaviour not in ("deaf",):
    signal.signal(signal.SIGTERM, on_term)
metrics.append(kind="phase", phase="importing", text="importing torch", done=None, total=None, unit="")
match behaviour:
    case "finish":
        end("finished", None, 0)
    case "fail":
        end("failed", "the card is out of memory: lower the batch size", 1)
    case "disk-full":
        end("failed", "[Errno 28] No space left on device: 'adapter_model.safetensors'", 1)
    case "raise":
        raise ImportError("no module named torch hf_abcdefghijklmnop \x1b[31m")
    case "silent":
        sys.exit(0)
    case "say-stopped":
        end("stopped", "stopped", 0)
    case "odd-code":
        sys.exit(42)
    case "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    case "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    case "deaf":
        signal.pause()
    case "train":
        metrics.append(kind="plan", total_steps=1000)
        train_until(Path(sys.argv[3]) if len(sys.argv) > 3 else None)
        end("finished", None, 0)
    case "hog":
        hoard = [bytes(b"x" * (1 << 20)) for _ in range(4096)]
        end("finished", f"hoarded {len(hoard)} MiB", 0)
    case "stubborn":
        while not Path(sys.argv[3]).exists():
            time.sleep(0.01)
        end("stopped", f"asked {asked} times", 3)
    case "orphan":
        leave_orphan(sys.argv[3])
        end("finished", None, 0)
    case "tell":
        print("environment", {name: os.environ.get(name) for name in sys.argv[3].split(",")})
        print("own group", os.getpgid(0) == os.getpid(), Path("/proc/self/fd/0").readlink(), oct(os.umask(0)))
        end("finished", None, 0)
