"""The environment of every process that imports torch."""

from __future__ import annotations

import os


def prepare_environment() -> None:
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
