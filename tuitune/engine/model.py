"""The base model and its tokenizer, found or downloaded, in the number format that the recipe says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from bitsandbytes.nn import Linear4bit
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from tuitune.engine.attention import DOCUMENTS, separates_documents
from tuitune.engine.device import Precision
from tuitune.engine.download import download
from tuitune.engine.failures import EngineError
from tuitune.engine.report import Report
from tuitune.hardware.models import locate, looks_like_hub_id
from tuitune.recipe.schema import ModelSection, QuantizationSection, Recipe


@dataclass
class Base:
    """A loaded base model. `stock_attention` is the implementation for padded batches and generation.

    `flat` says whether packed documents are kept apart, so that batches may be flattened into one row.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    folder: Path
    commit: str | None
    stock_attention: str
    flat: bool


def load(recipe: Recipe, precision: Precision, on: torch.device, report: Report, interrupt: Callable[[], None]) -> Base:
    """Load what `model.id` names. `interrupt` is called while a download runs and may raise to end it."""
    folder, commit = _files(recipe.model, report, interrupt)
    report.phase("loading", f"loading {recipe.model.id}")
    trusted = recipe.model.trust_remote_code
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trusted, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            config=AutoConfig.from_pretrained(folder, trust_remote_code=trusted, local_files_only=True),
            dtype=precision.weights,
            quantization_config=quantization(recipe.quantization, precision),
            attn_implementation=None if recipe.model.attention == "auto" else recipe.model.attention,
            device_map={"": str(on)},
            use_safetensors=True,
            trust_remote_code=trusted,
            local_files_only=True,
        )
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(f"{recipe.model.id} could not be loaded: {first_line(error)}") from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    _keep_trainable_layout(model)
    stock = model.config._attn_implementation
    return Base(model, tokenizer, folder, commit, stock, _keeps_documents_apart(model, stock, recipe, report))


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


def _keep_trainable_layout(model: PreTrainedModel) -> None:
    """Keep 4-bit weights in the layout that gradients flow through.

    On CPUs with bfloat16 instructions bitsandbytes lays them out anew for inference at the first evaluation, for good;
    training after that would get no gradient through the base model, without any error.
    """
    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def _files(wanted: ModelSection, report: Report, interrupt: Callable[[], None]) -> tuple[Path, str | None]:
    local = (
        wanted.id.startswith("bundled:") or Path(wanted.id).expanduser().exists() or not looks_like_hub_id(wanted.id)
    )
    if local:
        if (folder := locate(wanted.id)) is None or not (folder / "config.json").is_file():
            raise EngineError(f"model.id: {wanted.id} is no bundled model, no folder with a config.json and no Hub id")
        return folder, None
    text = f"downloading {wanted.id}"
    report.phase("downloading", text)

    def progress(done: int, total: int) -> None:
        interrupt()
        report.progress("downloading", text, done, total, "bytes")

    return download(wanted.id, wanted.revision, with_code=wanted.trust_remote_code, progress=progress)


def _keeps_documents_apart(model: PreTrainedModel, stock: str, recipe: Recipe, report: Report) -> bool:
    """Give the model the attention of the recipe, and find out whether it keeps packed documents apart.

    Where it does not, batches are padded and rows are not packed, which is slower and just as exact.
    """
    if recipe.model.attention == "auto":
        model.set_attn_implementation(DOCUMENTS)
    elif not recipe.data.packing:
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


def first_line(error: BaseException) -> str:
    """The first line of an error's text that says anything."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
