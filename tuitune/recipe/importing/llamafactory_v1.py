"""LLaMA-Factory v1: its newer configurations, whose keys are others."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from tuitune.recipe.importing import common
from tuitune.recipe.importing.data_sets import DataSet, combined, out_of_reach, part_of, shaped
from tuitune.recipe.importing.documents import Document, read
from tuitune.recipe.importing.llamafactory import bits, method_of, preference_loss
from tuitune.recipe.importing.llamafactory_data import found_near, merged
from tuitune.recipe.importing.origin import Origin, Part
from tuitune.recipe.importing.outcomes import (
    Outcome,
    Rules,
    Table,
    barred,
    carried,
    changed,
    fixed,
    inner,
    lost,
    missing,
    objective,
    own,
    refused,
    to,
)
from tuitune.recipe.importing.training_arguments import RULES as TRAINING
from tuitune.recipe.values import shown


def _class(value: Any, _: Table) -> Outcome:
    return carried("as every model here") if value == "llm" else refused(f"{shown(value)}: tuitune trains text models")


def _accumulated(value: Any, table: Table) -> Outcome:
    micro = common.number(table.get("micro_batch_size") or 1)
    steps = max(1, int(common.number(value) // micro))
    return carried(f"{value} rows a step, {micro:g} at once", training__accumulation=steps)


def _optimizer(value: Any, _: Table) -> dict[str, Outcome]:
    rules: Rules = {"name": common.optimizer, "weight_decay": to("training.weight_decay"), "*": missing(common.ADAM)}
    return inner(rules)(value, _)  # type: ignore[return-value]


def _training(document: Document, value: Any, _: Table) -> Outcome:
    """The rows: a Hub data set or a file, or a YAML file that says where several lie and how they are read."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"expected the name of a data set or of a YAML file, found {shown(value)}")
    if not value.endswith((".yaml", ".yml")):
        return refused(why) if (why := out_of_reach(value)) else carried(data__train=value)
    if (path := found_near(document, value)) is None:
        why = f"{shown(value)} was not found, which says where the rows lie: name their file or Hub data set instead"
        return changed(why, data__train=value)
    sets = [(name, one) for name, one in read(path).values.items() if isinstance(one, dict)]
    if not sets or not all(isinstance(one.get("path"), str) for _, one in sets):
        raise ValueError(f"expected data sets with a path in {shown(str(path))}")
    found = combined([DataSet(name, str(found_near(document, one["path"]) or one["path"])) for name, one in sets])
    return merged([*found.values(), *_read_as(sets[0][1])])


def _read_as(one: Mapping[str, Any]) -> list[Outcome]:
    """How the rows of a set are read; pairs are for preferences."""
    split = [part_of(one["split"])] if isinstance(one.get("split"), str) else []
    size = [Outcome("carried", {"data.limit": one["size"]})] if "size" in one else []
    converter = one.get("converter")
    if converter == "pair":
        return [objective("dpo"), *split, *size]
    known = converter in ("alpaca", "sharegpt")
    shape = shaped(str(converter), {}) if known else lost(f"tuitune has no converter {shown(converter)}")
    return [shape, *split, *size]


_ADAPTER: Rules = {
    "name": method_of,
    **common.FROZEN,
    "r": to("adapter.rank"),
    "lora_alpha": to("adapter.alpha"),
    "lora_dropout": to("adapter.dropout"),
    "target_modules": common.targets,
    "use_rslora": to("adapter.rslora"),
    "use_dora": to("adapter.dora"),
    "modules_to_save": common.modules_to_save,
    "adapter_name_or_path": barred("it goes on with an adapter; merge that into the base model first"),
    "export_*": barred("it exports a model and does not train"),
    "infer_dtype": own("a run trains"),
}

RULES: Rules = {
    **TRAINING,
    "model": to("model.id"),
    "model_class": _class,
    "trust_remote_code": common.trust,
    "flash_attn": common.attention,
    "custom_chat_template": missing("save it as a file and name it in data.template"),
    "peft_config": inner(_ADAPTER),
    "quant_config": inner(
        {
            "name": lambda value, _: carried() if value in ("bnb", "auto") else changed("quantized by bitsandbytes"),
            "quantization_bit": bits,
            "*": missing("tuitune leaves bitsandbytes' other arguments as they are"),
        }
    ),
    "kernel_config": own(common.KERNELS),
    "init_config": own("weights are loaded straight to the device"),
    "dist_config": missing(common.ONE_DEVICE),
    "dp_size": fixed(common.ONE_DEVICE, 1),
    "cp_*": fixed(common.ONE_DEVICE, 1, "ulysses"),
    "mp_*": fixed(common.ONE_DEVICE, 1),
    "dist_timeout": own("there is one process to wait for"),
    "micro_batch_size": to("training.batch_size"),
    "global_batch_size": _accumulated,
    "cutoff_len": to("data.max_length"),
    "batching_strategy": to(
        "data.packing",
        same={"normal": False, "padding_free": True},
        nearest={"dynamic_padding_free": (True, "batches hold rows"), "dynamic_batching": (True, "batches hold rows")},
    ),
    "batching_workers": own("tuitune reads and tokenizes rows on all cores"),
    "enable_activation_checkpointing": common.checkpointing,
    "optim_config": _optimizer,
    "lr_scheduler_config": inner({"name": common.schedule, "*": missing("tuitune's schedules take no arguments")}),
    "save_epochs": common.per_epoch("checkpoints.every"),
    "save_ckpt_as_hf": own("a result is in Hugging Face's format"),
    "pref_loss": preference_loss,
    **common.PREFERENCE,
    "eval_dataset": to("data.eval"),
    "sample_backend": own("tuitune answers with the model that it trains"),
    "max_new_tokens": to("samples.max_new_tokens"),
}


def _tells(values: Mapping[str, Any]) -> bool:
    return "model" in values and bool({"train_dataset", "peft_config", "dist_config", "model_class"} & values.keys())


def _parts(document: Document) -> list[Part]:
    return [Part(document, {**RULES, "train_dataset": partial(_training, document)})]


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    adapted = values.get("adapter.method", "none") != "none"
    adapter = {"adapter.rank": 8, "adapter.alpha": 16, "adapter.dropout": 0.05, "adapter.targets": "all-linear"}
    return {
        **(adapter if adapted else {"adapter.method": "none"}),
        "data.max_length": 2048,
        "data.packing": False,
        "data.eval": None,
        "training.batch_size": 1,
        "training.accumulation": 1,
        "training.learning_rate": 1e-4,
        "training.schedule": "constant",
        "training.warmup_ratio": 0.0,
        "training.max_grad_norm": 1.0,
        "training.gradient_checkpointing": True,
        **common.preference_defaults(values, sft_weight=0.0),
    }


LLAMAFACTORY_V1 = Origin(
    name="llamafactory-v1",
    title="LLaMA-Factory v1",
    told_by="`model` with `train_dataset`, `peft_config` or `dist_config`",
    tells=_tells,
    parts=_parts,
    defaults=_defaults,
)
