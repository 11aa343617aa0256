"""LLaMA-Factory: its YAML and JSON configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuitune.recipe.importing import common
from tuitune.recipe.importing.common import switch
from tuitune.recipe.importing.documents import Document
from tuitune.recipe.importing.llamafactory_data import catalogue
from tuitune.recipe.importing.llamafactory_data import rules as data_rules
from tuitune.recipe.importing.origin import Origin, Part
from tuitune.recipe.importing.outcomes import (
    Outcome,
    Rule,
    Rules,
    Table,
    always,
    barred,
    carried,
    changed,
    claimed,
    fixed,
    is_off,
    is_whole,
    lost,
    method,
    missing,
    objective,
    own,
    refused,
    to,
)
from tuitune.recipe.importing.training_arguments import DEFAULTS
from tuitune.recipe.importing.training_arguments import RULES as TRAINING
from tuitune.recipe.values import shown

_STAGES = {"pt": "pretrain", "rm": "reward"}
"""Objectives that a recipe calls otherwise."""


def _stage(value: Any, table: Table) -> Outcome:
    if value == "dpo" and table.get("pref_loss") in ("orpo", "simpo"):
        return objective(table["pref_loss"])
    return objective(_STAGES.get(str(value), str(value)))


def preference_loss(value: Any, table: Table) -> Outcome:
    """The loss of pairs; two of LLaMA-Factory's are objectives of their own."""
    if table.get("stage", "dpo") != "dpo":
        return carried("only dpo reads it")
    if value in ("orpo", "simpo"):
        return carried("the objective says it")
    return claimed("tuitune has not this loss of pairs", "pref_loss")(value, table)


def method_of(value: Any, table: Table) -> Outcome:
    """The method; `freeze` trains the last layers, or as many of the first where the number is negative."""
    if value != "freeze":
        return method("none" if value == "full" else str(value))
    count, extra = table.get("freeze_trainable_layers", 2), table.get("freeze_extra_modules")
    if not is_off(extra) or table.get("freeze_trainable_modules", "all") != "all":
        return refused("it trains some modules of its layers, and tuitune trains layers whole")
    if not is_whole(count) or count == 0:
        return refused(f"it trains {shown(count)} layers")
    return common.ends_frozen(f"last {count}" if count > 0 else f"0-{-count - 1}")


def _trained(value: Any, _: Table) -> Outcome:
    return changed("`tuitune train` trains") if switch(value) else refused("it does not train")


def _instead(value: Any, table: Table) -> Outcome:
    """What a configuration for something else than training has."""
    if is_off(value):
        return carried("off")
    if table.get("do_train") is True or ("stage" in table and not table.get("do_predict")):
        return lost("a recipe trains; a finished run says how to use its result")
    return refused("it answers with a trained model, merges or exports it, and does not train")


def _adapter(value: Any, table: Table) -> Outcome:
    if is_off(value):
        return carried("off")
    if table.get("do_train") is not True and (table.get("do_predict") or "stage" not in table):
        return _instead(value, table)
    return refused("it goes on with an adapter; merge that into the base model first, and name the result")


def bits(value: Any, _: Table) -> Outcome:
    """Bits of the base; bitsandbytes has 8 and 4."""
    if value in (4, 8, "4", "8"):
        return carried(quantization__bits=int(value))
    if not is_whole(value):
        raise ValueError(f"expected a number of bits, found {shown(value)}")
    return changed("tuitune quantizes to 8 or 4 bits", quantization__bits=8 if value > 4 else 4)


def _quantizer(value: Any, _: Table) -> Outcome:
    return carried() if value in ("bnb", "bitsandbytes") else changed("tuitune quantizes by bitsandbytes")


def _attention(value: Any, table: Table) -> Outcome:
    return common.attention("disabled" if value is False else value, table)


def _packing(value: Any, table: Table) -> Outcome:
    if switch(value) and not table.get("neat_packing"):
        return changed("packed documents stay apart, as with neat_packing", data__packing=True)
    return carried("neat_packing says it") if table.get("neat_packing") else carried(data__packing=switch(value))


def _learn(key: str) -> Rule:
    return lambda value, _: carried(data__loss_on=key) if switch(value) else carried("off")


def _pissa(value: Any, table: Table) -> Outcome:
    return common.begins("pissa", table) if switch(value) else carried("off")


def _checkpointing(value: Any, _: Table) -> Outcome:
    return carried(training__gradient_checkpointing=not switch(value))


_OPTIMIZER = missing("this optimizer is not in tuitune; AdamW is the nearest, and may want another learning rate")
_OBJECTIVE = barred("this loss is not in tuitune")
_TEXT_ALONE = own("the text is trained alone")
_EXPERTS = missing("tuitune keeps the whole model on the device")
_TOKENS = missing("tuitune trains with the tokenizer's own tokens")
_FASTER = own(common.KERNELS)
_CACHED = own(common.CACHED)
_READS = own("tuitune reads and tokenizes rows on all cores")

RULES: Rules = {
    **TRAINING,
    "model_name_or_path": to("model.id"),
    "model_revision": to("model.revision"),
    "trust_remote_code": common.trust,
    "adapter_name_or_path": _adapter,
    "adapter_folder": _adapter,
    "cache_dir": own("HF_HOME says where models lie"),
    "use_fast_tokenizer": own("read from the tokenizer's files"),
    "flash_attn": _attention,
    "shift_attn": missing("tuitune's attention is exact"),
    "rope_scaling": missing("tuitune loads a model by its own config.json"),
    "mixture_of_depths": barred("it changes the layers of the base"),
    "train_from_scratch": barred("it trains a model from random weights"),
    "use_unsloth*": _FASTER,
    "enable_liger_kernel": _FASTER,
    "use_v1_kernels": _FASTER,
    "moe_aux_loss_coef": missing("tuitune trains without a loss of the router"),
    "disable_gradient_checkpointing": _checkpointing,
    "use_reentrant_gc": own("tuitune sets up the recomputing itself"),
    "upcast_*": own("tuitune keeps what it trains in float32"),
    "low_cpu_mem_usage": own("weights are loaded straight to the device"),
    "resize_vocab": _TOKENS,
    "split_special_tokens": missing("cleaning.control_tokens removes control tokens from the text of rows"),
    "add_tokens": _TOKENS,
    "add_special_tokens": _TOKENS,
    "new_special_tokens_config": _TOKENS,
    "init_special_tokens": _TOKENS,
    "quantization_bit": bits,
    "quantization_type": to("quantization.kind"),
    "double_quantization": to("quantization.double"),
    "quantization_method": _quantizer,
    "quantization_device_map": own("hardware.gpu says where"),
    "image_*": missing("tuitune trains on text alone"),
    "video_*": missing("tuitune trains on text alone"),
    "audio_*": missing("tuitune trains on text alone"),
    "use_audio_in_video": missing("tuitune trains on text alone"),
    "crop_to_patches": missing("tuitune trains on text alone"),
    "media_dir": missing("tuitune trains on text alone"),
    "freeze_vision_tower": _TEXT_ALONE,
    "freeze_multi_modal_projector": _TEXT_ALONE,
    **common.FROZEN,
    "freeze_language_model": barred("the language model is what tuitune trains"),
    "stage": _stage,
    "do_train": _trained,
    "do_predict": _instead,
    "predict_with_generate": _instead,
    "export_*": _instead,
    "infer_*": _instead,
    "finetuning_type": method_of,
    "lora_rank": to("adapter.rank"),
    "lora_alpha": to("adapter.alpha"),
    "lora_dropout": to("adapter.dropout"),
    "lora_target": common.targets,
    "additional_target": common.modules_to_save,
    "use_rslora": to("adapter.rslora"),
    "use_dora": to("adapter.dora"),
    "pissa_init": _pissa,
    "pissa_iter": own("only PiSSA reads it"),
    "pissa_convert": own("tuitune's result is an adapter for the base as it is"),
    "loraplus_lr_ratio": common.rate_ratio,
    "loraplus_lr_embedding": own("the adapter has no embeddings"),
    "create_new_adapter": own("a run begins with a new adapter"),
    "use_llama_pro": barred("it adds layers to the base"),
    "use_mca": missing(common.ONE_DEVICE),
    "use_adam_mini": _OPTIMIZER,
    "use_muon": _OPTIMIZER,
    "use_galore": _OPTIMIZER,
    "galore_*": own("only GaLore reads it"),
    "use_apollo": _OPTIMIZER,
    "apollo_*": own("only APOLLO reads it"),
    "use_badam": _OPTIMIZER,
    "badam_*": own("only BAdam reads it"),
    "use_dft_loss": _OBJECTIVE,
    "use_asft_loss": _OBJECTIVE,
    "use_eaft_loss": _OBJECTIVE,
    "pure_bf16": lambda value, _: (
        changed("what is trained stays in float32", model__dtype="bfloat16") if switch(value) else carried("off")
    ),
    "pref_loss": preference_loss,
    **common.PREFERENCE,
    "pref_bco_weight": fixed("tuitune trains with one loss of pairs", 0),
    "ref_model*": missing("the reference is the model that training began with"),
    "ppo_*": own("only PPO reads it"),
    "template": common.template,
    "cutoff_len": to("data.max_length"),
    "train_on_prompt": _learn("all"),
    "mask_history": _learn("completion"),
    "packing": _packing,
    "neat_packing": to("data.packing"),
    "streaming": own("rows are read and tokenized before training"),
    "buffer_size": own("rows are read and tokenized before training"),
    "tool_format": own("tools are written by the model's own chat template"),
    "default_system": missing("write it into the rows as a system turn"),
    "enable_thinking": always("the chat template says what becomes of thinking; `tuitune data tokens` shows it"),
    "preserve_thinking": own("the chat template says what becomes of thinking; data.left_out keeps what it drops"),
    "val_size": common.held_out,
    "eval_on_each_dataset": missing("tuitune evaluates one set"),
    "eval_num_beams": own("answers are sampled or greedy"),
    "ignore_pad_token_for_loss": always("padding is never learned"),
    "disable_shuffling": to("data.shuffle", same={True: False, False: True}),
    "early_stopping_steps": to("evaluation.patience"),
    "compute_accuracy": own("perplexity is always there; `evaluation.answers` scores answers"),
    "overwrite_cache": _CACHED,
    "tokenized_path": _CACHED,
    "data_shared_file_system": _CACHED,
    "preprocessing_*": _READS,
    "plot_loss": own("the monitor and `tuitune plot` draw it"),
    "include_effective_tokens_per_second": own("the monitor shows tokens a second"),
    "print_param_status": own("`check` says what is trained"),
    "use_swanlab": missing(common.NOT_REPORTED),
    "swanlab_mode": own("only SwanLab reads it"),
    "swanlab_*": missing(common.NOT_REPORTED),
    "hf_hub_token": missing("tuitune uses the token that `hf auth login` keeps"),
    "ms_hub_token": missing("tuitune reads the Hugging Face Hub alone"),
    "om_hub_token": missing("tuitune reads the Hugging Face Hub alone"),
    "use_ray": missing(common.ONE_DEVICE),
    "ray_*": missing(common.ONE_DEVICE),
    "master_*": missing(common.ONE_DEVICE),
    "use_kt": _EXPERTS,
    "kt_*": _EXPERTS,
    "use_megatron_bridge": missing(common.ONE_DEVICE),
    "use_hyper_parallel": missing(common.ONE_DEVICE),
    "hyper_parallel_*": missing(common.ONE_DEVICE),
    **dict.fromkeys(
        ("tensor_model_parallel_size", "pipeline_model_parallel_size", "expert_model_parallel_size",
         "context_parallel_size", "virtual_pipeline_model_parallel_size"),
        fixed(common.ONE_DEVICE, 1),
    ),
    "sequence_parallel": missing(common.ONE_DEVICE),
    "use_distributed_optimizer": missing(common.ONE_DEVICE),
    "overlap_*": missing(common.ONE_DEVICE),
    "recompute_granularity": own("tuitune recomputes whole layers, where training.gradient_checkpointing says so"),
    "mixed_precision": to("training.precision", same={"bf16_mixed": "bf16", "fp16_mixed": "fp16", "no": "fp32"}),
    "use_packed_sequences": to("data.packing"),
    "profile*": missing("tuitune does not profile"),
    "enable_torch_profiler": missing("tuitune does not profile"),
    "do_sample": own("samples.temperature says it"),
    "temperature": to("samples.temperature"),
    "max_new_tokens": to("samples.max_new_tokens"),
    **dict.fromkeys(("top_p", "top_k", "num_beams", "repetition_penalty", "length_penalty", "skip_special_tokens"),
                    missing("samples have a temperature and a length alone")),
}  # fmt: skip
"""What becomes of every key, those first that transformers' Trainer has under the same name."""


def _parts(document: Document) -> list[Part]:
    return [Part(document, {**RULES, **data_rules(catalogue(document))})]


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **DEFAULTS,
        "adapter.rank": 8,
        "adapter.alpha": 2 * values.get("adapter.rank", 8),
        "adapter.dropout": 0.0,
        "adapter.targets": "all-linear",
        "data.max_length": 2048,
        "data.packing": values.get("objective.kind") == "pretrain",
        "training.gradient_checkpointing": True,
        **common.preference_defaults(values, sft_weight=0.0),
    }


LLAMAFACTORY = Origin(
    name="llamafactory",
    title="LLaMA-Factory",
    told_by="`model_name_or_path` with `stage`, `finetuning_type` or `template`",
    tells=lambda values: (
        "model_name_or_path" in values and bool({"stage", "finetuning_type", "template"} & values.keys())
    ),
    parts=_parts,
    defaults=_defaults,
)
