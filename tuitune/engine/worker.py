"""A training process from its first record to its exit code. Imports nothing heavy before it has said that it will."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

from tuitune.engine.report import Report
from tuitune.engine.stop import Stopped, StopSwitch
from tuitune.runs.directory import Run

EXIT_CODES = {"finished": 0, "failed": 1, "stopped": 3}


def carry_out(directory: Path) -> int:
    """Train the run in `directory`; the exit code is 0 for finished, 1 for failed and 3 for stopped on request.

    The reason of a failure is in the end record, its traceback in the log alone.
    """
    run = Run(directory.absolute())
    with StopSwitch() as stop:
        report = Report(run)
        outcome, reason = _outcome(run, report, stop)
        report.end(outcome, reason)
    return EXIT_CODES[outcome]


def _outcome(run: Run, report: Report, stop: StopSwitch) -> tuple[str, str | None]:
    try:
        report.phase("importing", "importing torch, transformers, peft and trl")
        _prepare_environment()
        from tuitune.engine.train import train

        whole = train(run, report, stop)
    except Stopped:
        return "stopped", "stopped on request before training began; there is no adapter"
    except Exception as error:
        stop.defer()
        traceback.print_exc()
        from tuitune.engine.failures import explain

        return "failed", explain(error)
    if whole:
        return "finished", None
    return "stopped", f"stopped on request after step {report.step}; the adapter is saved"


def _prepare_environment() -> None:
    """Library switches that must be set before the first import: no pickled weights, no telemetry, no bars in the log.

    One GPU, the first that may be used, for trl refuses to spread over several without a launcher. And threads that
    sleep while they wait for each other: on a machine that others use too, spinning ones cost several times the work.
    """
    os.environ["TORCH_FORCE_WEIGHTS_ONLY_LOAD"] = "1"
    os.environ.pop("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", None)
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
