"""PEFT: the `adapter_config.json` of an adapter, with what its training left beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuitune.recipe.importing import common
from tuitune.recipe.importing.documents import Document, read
from tuitune.recipe.importing.model_card import parts_of
from tuitune.recipe.importing.origin import Origin, Part
from tuitune.recipe.importing.outcomes import (
    Outcome,
    Rules,
    Single,
    Table,
    barred,
    carried,
    fixed,
    is_whole,
    lost,
    method,
    missing,
    own,
    refused,
    to,
)
from tuitune.recipe.importing.training_arguments import DEFAULTS
from tuitune.recipe.importing.training_arguments import RULES as TRAINING
from tuitune.recipe.settings import setting
from tuitune.recipe.values import shown

_LARGEST_STATE = 64 << 20
"""Bytes of the largest trainer_state.json: it has the whole history of losses."""

_NAMES = {"PROMPT_TUNING": "prompt", "PREFIX_TUNING": "prefix", "P_TUNING": "ptuning"}
"""Tuners that a recipe calls otherwise than PEFT."""


def _method(value: Any, _: Table) -> Outcome:
    if not isinstance(value, str):
        raise ValueError(f"expected the name of a tuner such as LORA, found {shown(value)}")
    return method(_NAMES.get(value, value.lower()))


def _task(value: Any, _: Table) -> Outcome:
    if value == "CAUSAL_LM":
        return carried("as every model here")
    return refused(f"the adapter is for {shown(value)}, and tuitune trains causal language models")


def _ranks_cut(key: str, *, from_the_end: bool = False) -> Single:
    """Steps before ranks are cut, or after that, as a share of all; that number stands beside them."""

    def rule(value: Any, table: Table) -> Outcome:
        total = table.get("total_step")
        if not (is_whole(value) and is_whole(total) and 0 <= value < total):
            return lost(f"steps are a share only of a known number of steps; set {key}")
        share = round((total - value if from_the_end else value) / total, 4)
        known = setting(key)
        if not (known.minimum or 0) <= share <= (known.maximum or 1):
            return lost(f"{share:g} of the steps is outside of what {key} takes; set it")
        return Outcome("changed", {key: share}, f"as a share of its {total:,} steps")

    return rule


_UNSURE = "a variant of LoRA that tuitune does not have"

ADAPTER: Rules = {
    "base_model_name_or_path": to("model.id"),
    "revision": to("model.revision"),
    "peft_type": _method,
    "task_type": _task,
    "target_modules": common.targets,
    "r": to("adapter.rank"),
    "lora_alpha": to("adapter.alpha"),
    "lora_dropout": to("adapter.dropout"),
    "bias": to("adapter.bias"),
    "use_rslora": to("adapter.rslora"),
    "use_dora": to("adapter.dora"),
    "init_lora_weights": common.begins,
    "loftq_config": own("`init_lora_weights` says it"),
    "layers_to_transform": common.layers,
    "num_virtual_tokens": to("adapter.virtual_tokens"),
    "prompt_tuning_init_text": to("adapter.prompt_text"),
    "prefix_projection": to("adapter.projected"),
    "encoder_hidden_size": to("adapter.encoder_size"),
    "encoder_reparameterization_type": fixed("tuitune's p-tuning has no LSTM", "MLP"),
    "encoder_dropout": fixed("tuitune's p-tuning has no dropout", 0.0),
    **dict.fromkeys(
        ("token_dim", "num_layers", "num_attention_heads", "num_transformer_submodules", "encoder_num_layers"),
        own("PEFT reads it from the model"),
    ),
    **dict.fromkeys(
        ("prompt_tuning_init", "tokenizer_name_or_path", "tokenizer_kwargs"),
        own("virtual tokens begin as adapter.prompt_text, or as tokens drawn from the vocabulary"),
    ),
    **common.ADAPTER,
    "exclude_modules": missing("tuitune adapts what `adapter.targets` names"),
    "layers_pattern": own("tuitune knows where a model's layers are"),
    "fan_in_fan_out": own("PEFT sees it by the layer"),
    "inference_mode": own("a run trains"),
    "auto_mapping": own("PEFT loads the adapter by its type"),
    "peft_version": own("the installed PEFT writes its own version"),
    "megatron_core": own("the layers are not Megatron's"),
    "megatron_config": barred("the layers are Megatron's"),
    "runtime_config": own("one device needs none of it"),
    "qalora_group_size": own("only QA-LoRA reads it"),
    "layer_replication": barred("it repeats layers of the base"),
    "lora_bias": missing(_UNSURE),
    "use_qalora": missing(_UNSURE),
    "ensure_weight_tying": missing(_UNSURE),
    "tinit": _ranks_cut("adapter.cut_from"),
    "tfinal": _ranks_cut("adapter.cut_until", from_the_end=True),
    "total_step": own("counted from the rows"),
    **dict.fromkeys(
        (
            "eva_config", "corda_config", "lora_ga_config", "velora_config", "monteclora_config", "use_bdlora",
            "arrow_config", "kasa_config", "alora_invocation_tokens",
        ),
        missing(_UNSURE),
    ),
}  # fmt: skip

_STATE: Rules = {
    "num_train_epochs": to("training.epochs"),
    "train_batch_size": to("training.batch_size"),
    "logging_steps": common.cadence("training.log_every"),
    "eval_steps": common.cadence("evaluation.every"),
    "save_steps": common.cadence("checkpoints.every"),
    "max_steps": own("it was counted from the epochs and the rows"),
    "*": own("what that run came to, not how it was set up"),
}


def _parts(document: Document) -> list[Part]:
    """The adapter's configuration, and what lies beside it of the Trainer's arguments, its state and the model card."""
    if not _is_adapter(document.values):
        beside = document.path.with_name("adapter_config.json")
        return [*([Part(read(beside), ADAPTER)] if beside.is_file() else []), Part(document, TRAINING)]
    return [Part(document, ADAPTER), *_beside(document.path)]


def _beside(path: Path) -> Iterator[Part]:
    arguments, state, card = (path.with_name(one) for one in ("training_args.json", "trainer_state.json", "README.md"))
    known: Mapping[str, Any] = {}
    if arguments.is_file():
        found = read(arguments)
        known = found.values
        yield Part(found, TRAINING)
    else:
        pickled = path.with_name("training_args.bin")
        absent, why = (pickled, _PICKLED) if pickled.exists() else (arguments, _UNTOLD)
        yield Part(Document(absent, {absent.name: "not read"}), {absent.name: lambda _value, _table: lost(why)})
    if state.is_file():
        said = {key: own("training_args.json says it") for key in _STATE if _OTHER.get(key, key) in known}
        yield Part(read(state, _LARGEST_STATE), {**_STATE, **said})
    if card.is_file():
        yield from parts_of(card, arguments=bool(known))


_PICKLED = "a pickle, and to load one runs the code in it; what the model card does not say is tuitune's default"
_UNTOLD = "there is none; what the model card does not say of the training is tuitune's default"

_OTHER = {"train_batch_size": "per_device_train_batch_size"}
"""What the arguments call it that the state says in other words."""


def _is_adapter(values: Mapping[str, Any]) -> bool:
    return "peft_type" in values


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    trained = DEFAULTS if "training.learning_rate" in values else {"data.eval": None}
    return {
        "adapter.rank": 8, "adapter.alpha": 8, "adapter.dropout": 0.0, "adapter.targets": ["q_proj", "v_proj"],
        **trained,
    }  # fmt: skip


PEFT = Origin(
    name="peft",
    title="PEFT",
    told_by="`peft_type` in an adapter_config.json",
    tells=lambda values: _is_adapter(values) or {"per_device_train_batch_size", "output_dir", "optim"} <= values.keys(),
    parts=_parts,
    defaults=_defaults,
)
