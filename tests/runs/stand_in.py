"""A small program in the place of the engine: it keeps the engine's side of the bargain (records, SIGTERM, what it is
told on its standard input, exit codes) or breaks it in one particular way.

    python stand_in.py RUN_DIR BEHAVIOUR [FILE]
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

from tuitune.runs.store.directory import Run
from tuitune.runs.store.journal import JournalWriter, read_all

run, behaviour = Run(Path(sys.argv[1])), sys.argv[2]
known = read_all(run.metrics_file)
metrics = JournalWriter(run.metrics_file)
step = 0
asked = 0
told: list[dict[str, Any]] = []
CODES = {"finished": 0, "failed": 1, "stopped": 3, "paused": 4}


def on_term(number: int, frame: object) -> None:
    global asked
    asked += 1


def end(outcome: str, reason: str | None, code: int | None = None, cause: str | None = None) -> None:
    metrics.append(kind="end", outcome=outcome, reason=reason, step=step, cause=cause, sync=True)
    sys.exit(CODES[outcome] if code is None else code)


def go_on() -> None:
    """Begin at the last checkpoint, as an engine does that is not the first of its run."""
    global step
    if known:
        step = max((record["step"] for record in known if record["kind"] == "checkpoint"), default=0)
        metrics.append(kind="resumed", step=step, checkpoint=None, exact=True, reasons=[], skipped=[])


def save() -> None:
    metrics.append(kind="checkpoint", step=step, path=f"checkpoints/step-{step:06d}", seconds=0.01, healthy=True)


def listen() -> list[dict[str, Any]]:
    """What was told since the last call."""
    try:
        content = os.read(0, 1 << 20)
    except BlockingIOError:
        return []
    return [json.loads(line) for line in content.splitlines()]


def heed() -> None:
    for request in listen():
        told.append(request)
        if request["verb"] == "tune":
            changes = request["arguments"]["changes"]
            metrics.append(kind="tuned", nonce=request["nonce"], step=step, changes=changes)
        if request["verb"] == "checkpoint":
            save()
        if request["verb"] != "pause":
            fixed = {"nonce": request["nonce"], "verb": request["verb"], "ok": True, "step": step}
            metrics.append(kind="done", **fixed, message=f"{request['verb']} done", sync=True)


def train_until(done: Path | None) -> None:
    """Take steps until `done` exists (the run finishes) or SIGTERM comes (it stops, or pauses if it was told so)."""
    global step
    os.set_blocking(0, False)
    while not asked and not (done and done.exists()):
        step += 1
        metrics.append(kind="step", step=step, loss=1 / step, step_seconds=0.01)
        print(f"step {step}", flush=True)
        heed()
        time.sleep(0.01)
    heed()
    save()
    if any(request["verb"] == "pause" for request in told):
        end("paused", f"paused on request after step {step}")
    if asked:
        end("stopped", f"stopped on request after step {step}")


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
go_on()
metrics.append(kind="phase", phase="importing", text="importing torch", done=None, total=None, unit="")
match behaviour:
    case "finish":
        end("finished", None)
    case "fail":
        end("failed", "the card is out of memory: lower the batch size")
    case "disk-full":
        end("failed", "[Errno 28] No space left on device: 'adapter_model.safetensors'")
    case "raise":
        raise ImportError("no module named torch hf_abcdefghijklmnopabcdefghijklmnop \x1b[31m")
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
        end("finished", None)
    case "hungry":
        size = tomllib.loads(run.recipe_file.read_text())["training"]["batch_size"]
        print(f"batches of {size}", flush=True)
        if size > int(sys.argv[3]):
            step += 5
            save()
            end("failed", "the GPU ran out of memory", cause="out-of-memory")
        end("finished", None)
    case "hog":
        hoard = [bytes(b"x" * (1 << 20)) for _ in range(4096)]
        end("finished", f"hoarded {len(hoard)} MiB")
    case "quiet":
        metrics.append(kind="plan", total_steps=1000)
        while not Path(sys.argv[3]).exists() and not asked:
            time.sleep(0.01)
        end("finished", None)
    case "stubborn":
        while not Path(sys.argv[3]).exists():
            time.sleep(0.01)
        end("stopped", f"asked {asked} times")
    case "orphan":
        leave_orphan(sys.argv[3])
        end("finished", None)
    case "leaves-orphan":
        leave_orphan(sys.argv[3])
        train_until(None)
    case "deaf-to-term":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        metrics.append(kind="step", step=1, loss=1.0, step_seconds=0.01)
        while True:
            time.sleep(60)
    case "warn":
        metrics.append(kind="alert", id="plateau", level="warning", message="the loss is flat: lower it", step=1)
        train_until(Path(sys.argv[3]))
        end("finished", None)
    case "tell":
        print("environment", {name: os.environ.get(name) for name in sys.argv[3].split(",")})
        print("own group", os.getpgid(0) == os.getpid(), Path("/proc/self/fd/0").readlink(), oct(os.umask(0)))
        end("finished", None)
