"""The recipe as the arguments of transformers' Trainer, the same for every objective."""

from __future__ import annotations

from typing import Any

import torch
from transformers.utils import is_torch_tf32_available

from tuitune.engine.load.device import Precision
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import Run

_CUDA_WORKERS = 2
"""Data workers on a GPU where the recipe names no number: it would idle for the milliseconds that a batch takes."""


def arguments(recipe: Recipe, run: Run, precision: Precision, on: torch.device) -> dict[str, Any]:
    """What every objective's arguments share. When to log, evaluate and save is left to the training loop."""
    cuda = on.type == "cuda"
    training = recipe.training
    return {
        "output_dir": str(run.path),
        "seed": recipe.run.seed,
        "data_seed": recipe.run.seed,
        "num_train_epochs": training.epochs,
        "max_steps": training.max_steps or -1,
        "per_device_train_batch_size": training.batch_size,
        "per_device_eval_batch_size": training.batch_size,
        "gradient_accumulation_steps": training.accumulation,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": training.schedule,
        "optim": training.optimizer,
        "max_grad_norm": training.max_grad_norm,
        "weight_decay": training.weight_decay,
        "activation_checkpointing": recipe.recomputes,
        "activation_checkpointing_kwargs": {"use_reentrant": False},
        "use_cpu": not cuda,
        "bf16": precision.autocast == torch.bfloat16,
        "fp16": precision.autocast == torch.float16,
        "tf32": _may_round(precision) if cuda else None,
        "train_sampling_strategy": "random" if recipe.data.shuffle else "sequential",
        "dataloader_pin_memory": cuda,
        "dataloader_num_workers": (_CUDA_WORKERS if cuda else 0) if training.workers is None else training.workers,
        "remove_unused_columns": False,
        "trust_remote_code": recipe.model.trust_remote_code,
        "logging_strategy": "no",
        "eval_strategy": "no",
        "save_strategy": "no",
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
    }


def _may_round(precision: Precision) -> bool | None:
    """TF32 for the adapter's float32 products where the card has it and the rest is computed in 16 bits anyway."""
    halves = torch.float32 not in (precision.weights, precision.compute)
    return True if halves and is_torch_tf32_available() else None
