"""Axolotl: its YAML configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tuitune.recipe.importing import common
from tuitune.recipe.importing.axolotl_data import data_sets, held_out_sets, pretraining
from tuitune.recipe.importing.common import switch
from tuitune.recipe.importing.data_sets import MEDIA
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
    is_off,
    lost,
    method,
    missing,
    objective,
    own,
    refused,
    to,
)
from tuitune.recipe.importing.training_arguments import RULES as TRAINING
from tuitune.recipe.values import shown


def _adapter(value: Any, _: Table) -> Outcome:
    if value == "qlora":
        return method("lora", quantization__bits=4)
    return method(value) if isinstance(value, str) else refused(f"expected lora or qlora, found {shown(value)}")


def _bits(bits: int) -> Any:
    return lambda value, _: carried(quantization__bits=bits) if switch(value) else carried("off")


def _bf16(value: Any, table: Table) -> Outcome:
    if value in ("auto", "true", "full", True):
        return carried(training__precision="auto" if value == "auto" else "bf16")
    if not is_off(value):
        raise ValueError(f"expected true, false, auto or full, found {shown(value)}")
    others = any(not is_off(table.get(name)) for name in ("fp16", "bfloat16", "float16"))
    return carried("off") if others else carried("no 16 bits at all", training__precision="fp32")


def _weights(name: str, precision: str) -> Any:
    """Axolotl's training without mixed precision, in the format of the weights."""

    def rule(value: Any, _: Table) -> Outcome:
        if not switch(value):
            return carried("off")
        why = "tuitune keeps what it trains in float32 and computes in this format"
        return changed(why, training__precision=precision)

    return rule


def _target_linear(value: Any, _: Table) -> Outcome:
    return carried(adapter__targets="all-linear") if switch(value) else carried("off")


def _target_modules(value: Any, table: Table) -> Outcome:
    if table.get("lora_target_linear") is True:
        return carried("among all linear layers, which lora_target_linear asks for")
    return carried("empty") if is_off(value) else common.targets(value, table)


def _batch(value: Any, table: Table) -> Outcome:
    """Axolotl's rows of a whole step, from which it works out the accumulation where that is not said."""
    micro = table.get("micro_batch_size") or 1
    if table.get("gradient_accumulation_steps") is not None:
        return carried("micro_batch_size × gradient_accumulation_steps says it")
    steps = max(1, int(common.number(value) // common.number(micro)))
    return carried(f"{value} rows a step, {micro} at once", training__accumulation=steps)


def _objective(value: Any, _: Table) -> Outcome:
    return objective("dpo", objective__loss="ipo") if value == "ipo" else objective(str(value))


def _losses(value: Any, _: Table) -> Outcome:
    names = [value] if isinstance(value, str) else value
    if isinstance(names, list) and len(names) == 1:
        return carried(objective__loss=names[0])
    return lost("tuitune trains with one loss of pairs")


def _reward(value: Any, _: Table) -> Outcome:
    return objective("reward") if switch(value) else carried("off")


def _held_out(value: Any, table: Table) -> Outcome:
    return carried("test_datasets says it") if table.get("test_datasets") else common.held_out(value, table)


def _patience(value: Any, table: Table) -> Outcome:
    if is_off(table.get("val_set_size")) or table.get("val_set_size") == 0:
        return lost("no rows are held out, so there is nothing to stop by")
    return carried(evaluation__patience=value)


def _unfrozen(value: Any, table: Table) -> Outcome:
    if is_off(value):
        return carried("off")
    if is_off(table.get("adapter")):
        return refused("it trains a part of the weights, and tuitune trains all of them or an adapter")
    return carried("the base is frozen beside an adapter")


def _template_text(value: Any, _: Table) -> Outcome:
    if isinstance(value, str) and ("{{" in value or "{%" in value or "\n" in value):
        return lost("save it as a file and name it in data.template")
    return carried(data__template=value)


def _learn_all(value: Any, _: Table) -> Outcome:
    return carried(data__loss_on="all") if switch(value) else carried("the answers alone are learned")


def _plugins(value: Any, _: Table) -> dict[str, Outcome]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list):
        raise ValueError(f"expected names of plugins, found {shown(value)}")
    return {f"[{place}]" if isinstance(value, list) else "": _plugin(str(name)) for place, name in enumerate(names)}


def _plugin(name: str) -> Outcome:
    last = name.rpartition(".")[2]
    if any(word in last for word in ("CutCrossEntropy", "Liger", "Kernels")):
        return changed("tuitune's own loss head keeps no logits of all tokens; it picks its kernels itself")
    if any(word in last for word in ("SwanLab", "Wandb", "OTel")):
        return lost(common.NOT_REPORTED)
    if any(word in last for word in ("Diffusion", "KD", "DenseMixer")):
        return refused("this plugin trains another objective")
    return lost("tuitune has no plugins")


def _own_base(value: Any, table: Table) -> Outcome:
    return (
        carried("the base model") if value == table.get("base_model") else lost("tuitune takes it from the base model")
    )


_ATTENTION = own("tuitune picks the fastest exact attention that the machine has")
_QUANTIZED = own("a base that is quantized already is known by its own files")
_FORMAT = missing("experts are loaded as the base has them")
_FASTER = own(common.KERNELS)
_TOKENS = missing("tuitune trains with the tokenizer's own tokens")
_RESTARTS = missing("tuitune does not merge and restart adapters in a run")
_SAMPLED = missing("name prompts in samples.prompts, and tuitune answers them while it trains")

RULES: Rules = {
    **TRAINING,
    "base_model": to("model.id"),
    "base_model_config": _own_base,
    "tokenizer_config": _own_base,
    "model_revision": to("model.revision"),
    "revision_of_model": to("model.revision"),
    "trust_remote_code": to("model.trust_remote_code"),
    "model_type": own("read from the model's config.json"),
    "type_of_model": own("read from the model's config.json"),
    "cls_model_config": own("read from the model's config.json"),
    "is_*": own("read from the model's config.json"),
    "tokenizer_type": own("read from the tokenizer's files"),
    "tokenizer_*": own("read from the tokenizer's files"),
    "processor_type": barred(MEDIA),
    "processor_kwargs": barred(MEDIA),
    "image_*": missing(MEDIA),
    "freeze_mm_modules": own("the text is trained alone"),
    "model_config": missing("tuitune loads a model by its own config.json"),
    "overrides_of_model_*": missing("tuitune loads a model by its own config.json"),
    "model_kwargs": missing("tuitune loads a model by its own config.json"),
    "model_quantization_config*": _QUANTIZED,
    "reinit_weights": barred("it trains a model from random weights"),
    "adapter": _adapter,
    "load_in_4bit": _bits(4),
    "load_in_8bit": _bits(8),
    "bnb_config_kwargs": inner(
        {
            "bnb_4bit_use_double_quant": to("quantization.double"),
            "bnb_4bit_quant_type": to("quantization.kind"),
            "bnb_4bit_compute_dtype": to("quantization.compute_dtype"),
            "*": missing("tuitune leaves bitsandbytes' other arguments as they are"),
        }
    ),
    "gptq*": _QUANTIZED,
    "quantize_moe_experts": _FORMAT,
    "llama4_linearized_experts": own("read from the model's config.json"),
    "lora_r": to("adapter.rank"),
    "lora_alpha": to("adapter.alpha"),
    "lora_dropout": to("adapter.dropout"),
    "lora_target_linear": _target_linear,
    "lora_target_modules": _target_modules,
    "lora_target_parameters": to("adapter.target_parameters"),
    "lora_modules_to_save": to("adapter.modules_to_save"),
    "lora_rank_pattern": to("adapter.rank_pattern"),
    "lora_alpha_pattern": to("adapter.alpha_pattern"),
    "lora_fan_in_fan_out": own("PEFT sees it by the layer"),
    "lora_model_dir": barred("it goes on with an adapter; merge that into the base model first, and name the result"),
    "lora_mlp_kernel": _FASTER,
    "lora_qkv_kernel": _FASTER,
    "lora_o_kernel": _FASTER,
    "lora_embedding_kernel": _FASTER,
    "lora_on_cpu": own("tuitune merges a copy of the result, on the CPU where there is no room"),
    "peft_use_dora": to("adapter.dora"),
    "peft_use_rslora": to("adapter.rslora"),
    "peft_init_lora_weights": to("adapter.init", same={True: "default"}),
    "peft_layers_to_transform": to("adapter.layers_to_transform"),
    "peft_trainable_token_indices": to("adapter.trainable_token_indices"),
    "peft_layers_pattern": own("tuitune knows where a model's layers are"),
    "peft_layer_replication": barred("it repeats layers of the base"),
    "peft_*": missing("tuitune has no setting for it"),
    "peft": inner({"loftq_config": missing("tuitune begins with LoRA's own weights")}),
    "loraplus_lr_ratio": to("adapter.loraplus_ratio"),
    "loraplus_lr_embedding": own("the adapter has no embeddings"),
    "qlora_sharded_model_loading": own("there is one device"),
    "merge_*": own("a result can be merged after training"),
    "relora*": _RESTARTS,
    "jagged_restart_*": _RESTARTS,
    "unfrozen_parameters": _unfrozen,
    "lisa_*": barred("it trains a part of the weights, and tuitune trains all of them or an adapter"),
    "spectrum_*": barred("it trains a part of the weights, and tuitune trains all of them or an adapter"),
    "rl": _objective,
    "rl_beta": to("objective.beta"),
    "dpo_beta": to("objective.beta"),
    "orpo_alpha": to("objective.beta"),
    "dpo_loss_type": _losses,
    "dpo_label_smoothing": fixed("tuitune does not smooth labels", 0),
    "rpo_alpha": to("objective.sft_weight"),
    "simpo_gamma": to("objective.gamma"),
    "kto_desirable_weight": to("objective.desirable_weight"),
    "kto_undesirable_weight": to("objective.undesirable_weight"),
    "dpo_*": own("tuitune sets its trainer up itself"),
    "precompute_ref_log_probs": own("the reference is the base with its adapter switched off"),
    "reward_model": _reward,
    "process_reward_model": barred("tuitune does not train process reward models"),
    "trl": missing("these are settings of generation for rl"),
    "vllm": missing("tuitune generates with the model that it trains"),
    "ebft": barred("tuitune does not train energy-based fine-tuning (ebft)"),
    "diffusion": barred("tuitune does not train diffusion language models"),
    "datasets": data_sets,
    "test_datasets": held_out_sets,
    "pretraining_dataset": pretraining,
    "val_set_size": _held_out,
    "shuffle_merged_datasets": to("data.shuffle"),
    "shuffle_before_merging_datasets": own("the seed orders all rows at once"),
    "curriculum_sampling": to("data.shuffle", same={True: False, False: True}),
    "dataset_exact_deduplication": to("cleaning.duplicates"),
    "dataset_*": own(common.CACHED),
    "skip_prepare_dataset": own(common.CACHED),
    "push_dataset_to_hub": missing(common.NOT_UPLOADED),
    "hf_use_auth_token": own("tuitune uses the token that `hf auth login` keeps"),
    "streaming": own("rows are read and tokenized before training"),
    "streaming_*": own("rows are read and tokenized before training"),
    "sequence_len": to("data.max_length"),
    "excess_length_strategy": to(
        "cleaning.too_long",
        same={"drop": "drop", "truncate": "cut"},
        nearest={"raise": ("drop", "tuitune says how many rows are too long, and drops or cuts them")},
    ),
    "eval_sequence_len": own("the same length as in training"),
    "min_sample_len": missing("cleaning.shortest drops rows by the characters of their answer"),
    "sample_packing": to("data.packing"),
    "sample_packing_*": own("tuitune packs by its own plan"),
    "eval_sample_packing": own("held-out rows lie as training rows do"),
    "pad_to_*": own("rows are laid end to end, without padding"),
    "batch_flattening": own("rows are laid end to end, without padding"),
    "multipack_real_batches": own("tuitune packs by its own plan"),
    "max_packed_sequence_len": own("tuitune packs by its own plan"),
    "train_on_inputs": _learn_all,
    "chat_template": common.template,
    "chat_template_jinja": _template_text,
    "chat_template_kwargs": missing("tuitune gives a template no arguments"),
    "default_system_message": missing("write it into the rows as a system turn"),
    "eot_tokens": own("the token that ends a turn in the chat template is learned"),
    "special_tokens": inner(
        {
            "pad_token": own("padding is never learned"),
            "additional_special_tokens": _TOKENS,
            "*": own("tuitune uses the tokenizer's own; `tuitune data tokens` says whether the end is learned"),
        }
    ),
    "tokens": _TOKENS,
    "added_tokens_overrides": _TOKENS,
    "resize_token_embeddings_to_32x": own("there are no new tokens"),
    "mean_resizing_embeddings": own("there are no new tokens"),
    "shrink_embeddings": own("the embeddings stay as they are"),
    "embeddings_skip_upcast": own("what is frozen stays in the format of the base"),
    "fix_untrained_tokens": missing("tuitune does not change embeddings before training"),
    "num_epochs": to("training.epochs"),
    "micro_batch_size": to("training.batch_size"),
    "batch_size": _batch,
    "eval_batch_size": own("tuitune evaluates with the batch size of training"),
    "optimizer": common.optimizer,
    "torchdistx_path": own("no optimizer here needs it"),
    "lr_scheduler": common.schedule,
    "lr_scheduler_kwargs": missing("tuitune's schedules take no arguments"),
    "cosine_*": missing("tuitune's cosine falls to 0 in one arc"),
    "lr_quadratic_warmup": missing("tuitune warms up in a straight line"),
    "lr_groups": missing("tuitune has one learning rate for all that is trained"),
    "lr_div_factor": own("only one_cycle reads it"),
    "embedding_lr*": missing("tuitune has one learning rate for all that is trained"),
    "adam_eps": fixed("tuitune leaves the optimizer's own betas, epsilon and further arguments", 1e-8),
    "noisy_embedding_alpha": to("training.neftune_alpha"),
    "bf16": _bf16,
    "bfloat16": _weights("bfloat16", "bf16"),
    "float16": _weights("float16", "fp16"),
    "float32": _weights("float32", "fp32"),
    "torch_dtype": to("model.dtype"),
    "activation_offloading": missing("tuitune recomputes activations, and moves none to host memory"),
    "layer_offloading": missing("tuitune keeps the base on the device"),
    "selective_checkpointing": missing("tuitune recomputes whole layers"),
    "evals_per_epoch": common.per_epoch("evaluation.every"),
    "saves_per_epoch": common.per_epoch("checkpoints.every"),
    "early_stopping_patience": _patience,
    "auto_resume_from_checkpoints": own(common.RESUMED),
    "loss_watchdog_*": missing("tuitune stops on a loss that is not finite, and limits.* end a run early"),
    "attn_implementation": common.attention,
    "flash_attn_cross_entropy": _FASTER,
    "flash_attn_*": _FASTER,
    "flash_attention": _ATTENTION,
    "flash_optimum": _ATTENTION,
    "xformers_attention": _ATTENTION,
    "sdp_attention": _ATTENTION,
    "sage_attention": _ATTENTION,
    "flex_att*": _ATTENTION,
    "eager_attention": to("model.attention", same={True: "eager", False: "auto"}),
    "s2_attention": missing("tuitune's attention is exact"),
    "gemma4_hybrid_attn_impl": _ATTENTION,
    "large_head_attention": _ATTENTION,
    "sdpa_varlen": _ATTENTION,
    "fused_attn_kernel": _FASTER,
    "experts_implementation": _FASTER,
    "use_kernels": _FASTER,
    "use_scattermoe": _FASTER,
    "use_sonicmoe": _FASTER,
    "use_dsv4_kernels": _FASTER,
    "use_glm_dsa_kernels": _FASTER,
    "dsv4_*": _FASTER,
    "liger_*": _FASTER,
    "cut_cross_entropy": _FASTER,
    "chunked_cross_entropy*": _FASTER,
    "tiled_mlp*": _FASTER,
    "unsloth_*": _FASTER,
    "plugins": _plugins,
    "low_cpu_mem_usage": own("weights are loaded straight to the device"),
    "experimental_skip_move_to_device": own("weights are loaded straight to the device"),
    "device_map": own("hardware.gpu says where"),
    "max_memory": missing("tuitune keeps the model on one device"),
    "gpu_memory_limit": missing("tuitune keeps the model on one device"),
    "ddp": missing(common.ONE_DEVICE),
    "world_size": fixed(common.ONE_DEVICE, 1),
    "dp_*": fixed(common.ONE_DEVICE, 1),
    "tensor_parallel_size": fixed(common.ONE_DEVICE, 1),
    "context_par*": fixed(common.ONE_DEVICE, 1),
    "sequence_parallel*": fixed(common.ONE_DEVICE, 1),
    "expert_parallel*": fixed(common.ONE_DEVICE, 1),
    "use_ray": missing(common.ONE_DEVICE),
    "ray_*": missing(common.ONE_DEVICE),
    **dict.fromkeys(
        ("wandb_*", "mlflow_*", "comet_*", "swanlab_*", "otel_*", "use_wandb", "use_mlflow", "use_comet", "use_trackio",
         "use_swanlab", "use_otel_metrics", "use_tensorboard", "gradio_*"),
        missing(common.NOT_REPORTED),
    ),
    "generate_samples": _SAMPLED,
    "generation_*": _SAMPLED,
    "num_generation_samples": _SAMPLED,
    "eval_table_size": _SAMPLED,
    "eval_max_new_tokens": _SAMPLED,
    "eval_causal_lm_metrics": own("perplexity is always there; `evaluation.answers` scores answers"),
    "do_causal_lm_eval": own("perplexity is always there; `evaluation.answers` scores answers"),
    "do_bench_eval": missing("`evaluation.answers` scores answers to held-out rows"),
    "bench_*": missing("`evaluation.answers` scores answers to held-out rows"),
    "profiler_*": missing("tuitune does not profile"),
    "gc_*": own("the allocator's segments grow, so nothing needs to be emptied"),
    "strict": own("tuitune gives an account of every key"),
}  # fmt: skip
"""What becomes of every key, those first that transformers' Trainer has under the same name."""


def _defaults(values: Mapping[str, Any]) -> dict[str, Any]:
    adapted = values.get("adapter.method", "none") != "none"
    adapter = {"adapter.rank": 8, "adapter.alpha": 8, "adapter.dropout": 0.0, "adapter.targets": ["q_proj", "v_proj"]}
    return {
        **(adapter if adapted else {"adapter.method": "none"}),
        "data.max_length": 512,
        "data.packing": False,
        "data.eval": None,
        "cleaning.too_long": "drop",
        "training.epochs": 1.0,
        "training.batch_size": 1,
        "training.accumulation": 1,
        "training.max_grad_norm": 1.0,
    }


AXOLOTL = Origin(
    name="axolotl",
    title="Axolotl",
    told_by="`base_model`",
    tells=lambda values: "base_model" in values,
    parts=lambda document: [Part(document, RULES)],
    defaults=_defaults,
)
