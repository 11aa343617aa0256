"""The base model and its tokenizer, found or downloaded, in the number format that the recipe says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from bitsandbytes.nn import Linear4bit
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BitsAndBytesConfig,
    FineGrainedFP8Config,
    GenerationConfig,
    Mxfp4Config,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils.quantization_config import QuantizationConfigMixin

from tuitune.engine.journal.report import Report
from tuitune.engine.load import score_head
from tuitune.engine.load.attention import DOCUMENTS, separates_documents
from tuitune.engine.load.device import Precision
from tuitune.engine.load.download import download
from tuitune.engine.load.weights_check import hold
from tuitune.engine.process.failures import EngineError, first_line, out_of_memory
from tuitune.engine.tokens.template import ChatTemplate
from tuitune.hardware.model_facts import load_config, read_facts
from tuitune.hardware.models import ADAPTER_CONFIG, locate, looks_like_hub_id
from tuitune.hardware.weights import named
from tuitune.paths import expanded
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.model import ModelSection
from tuitune.recipe.sections.quantization import QuantizationSection
from tuitune.text import clean

_NO_ADAPTER = "no-adapter"
"""Where transformers looks for an adapter to put under the new one: in a folder of the model that is not there."""

_UNLOADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, ImportError, RuntimeError, SafetensorError)


@dataclass
class Base:
    """A loaded base model. `stock_attention` is the implementation for padded batches and generation.

    `flat` says whether packed documents are kept apart, so that batches may be flattened into one row; `positions` is
    how many tokens a text may have, None where nothing ends. `scores`: the model gives texts scores, and writes none.
    """

    model: PreTrainedModel
    template: ChatTemplate
    folder: Path
    commit: str | None
    stock_attention: str
    flat: bool
    positions: int | None = None
    scores: bool = False

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return self.template.tokenizer


class Files(NamedTuple):
    """The folder of a model's files, and the commit that they are of the Hub's repository."""

    folder: Path
    commit: str | None


def load(
    recipe: Recipe, files: Files, template: ChatTemplate, formats: Precision, on: torch.device, report: Report
) -> Base:
    """The model in `files`, loaded; its tokenizer is that of `template`."""
    report.phase("loading", f"loading {recipe.model.id}")
    folder = files.folder
    model = _loaded(recipe, folder, formats, on, report)
    if recipe.optimises.scores:
        score_head.put_on(model, template.tokenizer)
    _keep_trainable_layout(model)
    stock, facts = model.config._attn_implementation, read_facts(folder)
    flat = _keeps_documents_apart(model, stock, recipe, report)
    positions = max(1, facts.max_positions - recipe.leading) if facts.fixed_positions and facts.max_positions else None
    return Base(model, template, folder, files.commit, stock, flat, positions, recipe.optimises.scores)


def _loaded(recipe: Recipe, folder: Path, formats: Precision, on: torch.device, report: Report) -> PreTrainedModel:
    """The model of a folder, held against the weights there. EngineError where it is not what its files say."""
    wanted, trusted = recipe.model, recipe.model.trust_remote_code
    settings, problem = _generation_settings(folder)
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trusted, local_files_only=True)
        kind: Any = AutoModelForCausalLM
        if scores := recipe.optimises.scores:
            kind, config.num_labels = AutoModelForSequenceClassification, 1
            torch.manual_seed(recipe.run.seed)  # the head is random
        model, info = kind.from_pretrained(
            folder,
            config=config,
            dtype=formats.weights,
            quantization_config=_unpacking(config) or quantization(recipe.quantization, formats),
            attn_implementation=None if wanted.attention == "auto" else wanted.attention,
            device_map={"": str(on)},
            use_safetensors=True,
            generation_config=settings,
            trust_remote_code=trusted,
            local_files_only=True,
            adapter_kwargs={"subfolder": _NO_ADAPTER},
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except _UNLOADABLE as error:
        if out_of_memory(error):
            raise
        words = clean(first_line(error), limit=300)
        raise EngineError(f"model.id: {wanted.id} could not be loaded: {words}") from error
    leftovers = hold(model, score_head.without_head(info) if scores else info, wanted.id)
    if leftovers.unread:
        text = f"{named(leftovers.unread)}: in the checkpoint, but no part of this model; not read"
        report.alert("weights-unread", "warning", clean(text, limit=300))
    if leftovers.zero:
        text = f"{named(leftovers.zero)}: all zeros. Check the weight files against their source"
        report.alert("weights-zero", "warning", clean(text, limit=300))
    if (folder / ADAPTER_CONFIG).is_file():
        text = f"{ADAPTER_CONFIG} in the model's folder is ignored: the model is trained without that adapter"
        report.alert("adapter-beside", "warning", text)
    if problem and recipe.method.trains_base:
        text = f"generation_config.json is not valid; the result keeps only its special tokens: {problem}"
        report.alert("generation-settings", "warning", clean(text, limit=400))
    return model


def _generation_settings(folder: Path) -> tuple[GenerationConfig | None, str]:
    """Settings in place of those of a folder that transformers would not load or save, and what is wrong with them."""
    try:
        GenerationConfig.from_pretrained(folder, local_files_only=True).validate(strict=True)
    except OSError:
        return None, ""
    except (ValueError, TypeError) as error:
        told = load_config(folder / "generation_config.json")
        ids = {name: told.get(name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
        return GenerationConfig(**ids), " ".join(str(error).split())
    return None, ""


def quantization(wanted: QuantizationSection, precision: Precision) -> BitsAndBytesConfig | None:
    """How bitsandbytes is to load the frozen weights; None for 16 bits."""
    if wanted.bits == 8:
        return BitsAndBytesConfig(load_in_8bit=True)
    if wanted.bits == 4:
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=wanted.kind,
            bnb_4bit_use_double_quant=wanted.double,
            bnb_4bit_compute_dtype=precision.compute,
        )
    return None


def _unpacking(config: PreTrainedConfig) -> QuantizationConfigMixin | None:
    """How weights are loaded that are stored in a format for inference alone: unpacked, in the number format asked."""
    stored = getattr(config, "quantization_config", None)
    method = stored.get("quant_method") if isinstance(stored, dict) else None
    chosen = {"mxfp4": Mxfp4Config, "fp8": FineGrainedFP8Config, "mxfp8": FineGrainedFP8Config}.get(str(method))
    return chosen(dequantize=True) if chosen else None


def _keep_trainable_layout(model: PreTrainedModel) -> None:
    """Keep 4-bit weights in the layout that gradients flow through.

    On CPUs with bfloat16 instructions bitsandbytes lays them out anew for inference at the first evaluation, for good;
    training after that would get no gradient through the base model, without any error.
    """
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def fetch(wanted: ModelSection, report: Report, interrupt: Callable[[], None]) -> Files:
    """Find or download what `model.id` names. `interrupt` is called while a download runs and may raise to end it."""
    if wanted.id.startswith("bundled:") or expanded(wanted.id).exists() or not looks_like_hub_id(wanted.id):
        if (folder := locate(wanted.id)) is None or not (folder / "config.json").is_file():
            raise EngineError(f"model.id: {wanted.id} is not a bundled model, a folder with config.json or a Hub id")
        return Files(folder, None)
    text = f"downloading {wanted.id}"
    report.phase("downloading", text)

    def progress(done: int, total: int) -> None:
        interrupt()
        report.progress("downloading", text, done, total, "bytes")

    return Files(*download(wanted.id, wanted.revision, with_code=wanted.trust_remote_code, progress=progress))


def _keeps_documents_apart(model: PreTrainedModel, stock: str, recipe: Recipe, report: Report) -> bool:
    """Give the model the attention of the recipe, and find out whether it keeps packed documents apart.

    Where it does not, or the objective takes no packed rows, batches are padded, which is slower and just as exact.
    """
    if not recipe.flattens:
        return False
    if recipe.model.attention == "auto":
        model.set_attn_implementation(DOCUMENTS)
    elif not recipe.packs:
        return False
    if (problem := separates_documents(model)) is None:
        return True
    if recipe.model.attention == "auto":
        model.set_attn_implementation(stock)
    report.alert("packing-off", "warning", f"rows are padded, not packed, with this model: {problem}")
    return False


def unwrapped(model: Any) -> PreTrainedModel:
    """The transformers model inside an adapted one, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def set_attention(model: Any, name: str) -> str:
    """Switch the attention of a model (adapted or not) and return what it was."""
    base = unwrapped(model)
    before = base.config._attn_implementation
    base.set_attn_implementation(name)
    return before
