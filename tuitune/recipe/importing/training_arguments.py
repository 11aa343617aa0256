"""transformers' TrainingArguments: the keys that LLaMA-Factory and every script on the Trainer write."""

from __future__ import annotations

from typing import Any

from tuitune.recipe.importing import common
from tuitune.recipe.importing.outcomes import Outcome, Rule, Rules, Table, carried, changed, fixed, missing, own, to


def _precision(value: str) -> Rule:
    def rule(wanted: Any, _: Table) -> Outcome:
        return carried(training__precision=value) if common.switch(wanted) else carried("off")

    return rule


_HALF = "tuitune's own: it evaluates in the format that it trains in"
_LOGGED = "tuitune records every step that training.log_every names, and its figures, itself"
_BEST = "tuitune keeps the checkpoint with the lowest held-out loss beside the newest"
_LOADED = "tuitune loads and lays out the rows itself"
_GROUPED = "rows are packed or laid end to end, so lengths need no grouping"

RULES: Rules = {
    "num_train_epochs": to("training.epochs"),
    "max_steps": common.max_steps,
    "per_device_train_batch_size": to("training.batch_size"),
    "train_batch_size": own("follows from the batch size of a device"),
    "gradient_accumulation_steps": to("training.accumulation"),
    "learning_rate": to("training.learning_rate"),
    "lr_scheduler_type": common.schedule,
    "lr_scheduler_kwargs": missing("tuitune's schedules take no arguments"),
    "warmup_steps": common.warm_up_steps,
    "warmup_ratio": common.warm_up_ratio,
    "optim": common.optimizer,
    "optim_args": missing(common.ADAM),
    "optim_target_modules": missing("this optimizer is not in tuitune"),
    "adam_beta1": fixed(common.ADAM, 0.9),
    "adam_beta2": fixed(common.ADAM, 0.999),
    "adam_epsilon": fixed(common.ADAM, 1e-8),
    "adafactor": missing("`optim` chooses the optimizer"),
    "weight_decay": to("training.weight_decay"),
    "max_grad_norm": to("training.max_grad_norm"),
    "label_smoothing_factor": fixed("tuitune does not smooth labels", 0),
    "neftune_noise_alpha": to("training.neftune_alpha"),
    "seed": to("run.seed"),
    "data_seed": own("the seed is one for everything in a run"),
    "full_determinism": own("a run is exact on resume anyway"),
    "bf16": _precision("bf16"),
    "fp16": _precision("fp16"),
    "tf32": lambda _value, _table: changed("on where the card has it, for the little that is not in 16 bits"),
    "bf16_full_eval": own(_HALF),
    "fp16_full_eval": own(_HALF),
    "fp8*": missing("tuitune does not train in 8-bit floats"),
    "gradient_checkpointing": common.checkpointing,
    "gradient_checkpointing_kwargs": own("tuitune sets up the recomputing itself"),
    "activation_checkpointing": common.checkpointing,
    "activation_checkpointing_kwargs": own("tuitune sets up the recomputing itself"),
    "torch_compile*": missing("tuitune compiles nothing"),
    "use_liger_kernel": own(common.KERNELS),
    "liger_kernel_config": own(common.KERNELS),
    "torch_empty_cache_steps": own("the allocator's segments grow, so nothing needs to be emptied"),
    "auto_find_batch_size": own("`run.on_oom` says what to do when memory runs out"),
    "use_cache": own("off in training"),
    "use_cpu": to("hardware.gpu", same={True: "cpu", False: "auto"}),
    "no_cuda": to("hardware.gpu", same={True: "cpu", False: "auto"}),
    "eval_strategy": common.cadence_by("evaluation.every"),
    "evaluation_strategy": common.cadence_by("evaluation.every"),
    "eval_steps": common.cadence("evaluation.every", "eval_strategy"),
    "do_eval": own("held-out rows are evaluated where data.eval names any"),
    "eval_on_start": to("evaluation.perplexity"),
    "per_device_eval_batch_size": own("tuitune evaluates with the batch size of training"),
    "eval_*": own(_LOGGED),
    "prediction_loss_only": own(_LOGGED),
    "include_*": own(_LOGGED),
    "batch_eval_metrics": own(_LOGGED),
    "save_strategy": common.cadence_by("checkpoints.every"),
    "save_steps": common.cadence("checkpoints.every", "save_strategy"),
    "save_total_limit": to("checkpoints.keep"),
    "save_only_model": own("a checkpoint holds all that a resume needs"),
    "save_safetensors": own("always"),
    "save_on_each_node": own(common.OUT),
    "enable_jit_checkpoint": own("`pause` and `stop` save at the next step"),
    "load_best_model_at_end": own(_BEST),
    "metric_for_best_model": own(_BEST),
    "greater_is_better": own(_BEST),
    "ignore_data_skip": own("a resume goes on with the rows that come next"),
    "restore_callback_states_from_checkpoint": own("a resume is exact"),
    "resume_from_checkpoint": own(common.RESUMED),
    "overwrite_output_dir": own(common.OUT),
    "output_dir": own(common.OUT),
    "logging_dir": own(common.OUT),
    "logging_steps": common.cadence("training.log_every"),
    "logging_*": own(_LOGGED),
    "log_level*": own(_LOGGED),
    "log_on_each_node": own(_LOGGED),
    "disable_tqdm": own("the monitor shows how a run gets on"),
    "report_to": missing(common.NOT_REPORTED),
    "run_name": own("run.name is the name of the recipe's file"),
    "project": fixed(common.NOT_REPORTED, "huggingface"),
    "trackio*": missing(common.NOT_REPORTED),
    "push_to_hub*": missing(common.NOT_UPLOADED),
    "hub_strategy": fixed(common.NOT_UPLOADED, "every_save"),
    "hub_*": missing(common.NOT_UPLOADED),
    "dataloader_num_workers": to("training.workers"),
    "dataloader_*": own(_LOADED),
    "remove_unused_columns": own(_LOADED),
    "label_names": own(_LOADED),
    "group_by_length": own(_GROUPED),
    "length_column_name": own(_GROUPED),
    "train_sampling_strategy": fixed("tuitune has only this order and data.shuffle = false", "random"),
    "ddp_timeout": own("there is one process to wait for"),
    "ddp_*": missing(common.ONE_DEVICE),
    "fsdp*": missing(common.ONE_DEVICE),
    "deepspeed": missing(common.ONE_DEVICE),
    "accelerator_config": own("one device needs none of it"),
    "parallelism_config": missing(common.ONE_DEVICE),
    "average_tokens_across_devices": own("there is one device"),
    "tpu_*": missing(common.ONE_DEVICE),
    "local_rank": fixed(common.ONE_DEVICE, 0, -1),
    "do_train": own("`tuitune train` trains"),
    "do_predict": missing("a recipe trains; `evaluation.answers` answers held-out rows"),
    "debug": missing("tuitune's engine has its own log"),
    "skip_memory_metrics": own(_LOGGED),
    "past_index": fixed("no model of today needs it", -1),
    "_n_gpu": fixed(common.ONE_DEVICE, 0, 1),
    "n_gpu": fixed(common.ONE_DEVICE, 0, 1),
}

DEFAULTS: dict[str, Any] = {
    "training.epochs": 3.0,
    "training.batch_size": 8,
    "training.accumulation": 1,
    "training.learning_rate": 5e-5,
    "training.schedule": "linear",
    "training.warmup_ratio": 0.0,
    "training.max_grad_norm": 1.0,
    "data.eval": None,
}
"""What a Trainer does that is not told otherwise, where a recipe's defaults are others."""
