"""The result: saved, checked by loading it again, then put into its place."""

from __future__ import annotations

import ctypes
import json
import math
import os
import shutil
import struct
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import extract_model_from_parallel
from peft import PeftModel, get_peft_model_state_dict
from peft.utils.other import ModulesToSaveWrapper
from peft.utils.save_and_load import load_peft_weights
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from tuitune.engine.evaluation.generate import undisturbed
from tuitune.engine.journal.report import Report
from tuitune.engine.journal.resilient_writer import until_there_is_room
from tuitune.engine.load.model import Base, set_attention
from tuitune.engine.methods.adapted import save_weights
from tuitune.engine.methods.layers import patterns_read_elsewhere
from tuitune.engine.process.failures import EngineError, disk_full
from tuitune.runs.store import files, manifest
from tuitune.runs.store.records.training import Artefact

ADAPTER_FILES = {"adapter_config.json", "adapter_model.safetensors"}
CARD = "README.md"
_HERE, _RENAME_EXCHANGE = -100, 2  # AT_FDCWD and the flag of renameat2(2)
_SCORED = 8
"""Rows that a probe scores, where a model gives each but one number."""

_TOLERANCE = 1e-3  # of a logit, or four units of the number format's resolution at the largest; normally it is 0


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """The tokenizer as it came, whatever it was last asked to pad or cut."""
    if tokenizer.is_fast:
        tokenizer.backend_tokenizer.no_padding()
        tokenizer.backend_tokenizer.no_truncation()
    tokenizer.save_pretrained(folder)


def save(model: Any, base: Base, card: str, folder: Path, report: Report) -> None:
    """Save the result with its tokenizer and card as `folder`, in one step and checked; waits for room on a full disk.

    The result of an earlier life makes way and is gone after that. EngineError where it is not what was trained.
    """
    report.phase("saving", f"saving the {folder.name}")
    full = f"the disk is full: the {folder.name} is saved as soon as there is room"
    staged = until_there_is_room(
        lambda: _staged(model, base, card, folder),
        full=lambda error: disk_full(error, folder.parent),
        waiting=lambda: report.alert("disk-full", "error", full),
    )
    report.phase("checking", f"loading the {folder.name} back")
    difference = _check_adapter(model, base, staged) if isinstance(model, PeftModel) else _check_model(model, staged)
    if folder.is_symlink() or not folder.is_dir():
        staged.rename(folder)
    else:
        _exchange(staged, folder)
    files.sync_directory(folder.parent)
    shutil.rmtree(staged, ignore_errors=True)
    listing = [{"name": file.name, "bytes": file.stat().st_size} for file in sorted(folder.iterdir())]
    report.write(Artefact(path=str(folder), files=listing, reload_difference=difference))


def _staged(model: Any, base: Base, card: str, folder: Path) -> Path:
    """Where the result lies beside `folder`, on disk. Where that fails, nothing is left that takes up room."""
    staged = folder.with_name(f".{folder.name}")
    shutil.rmtree(staged, ignore_errors=True)
    try:
        save_weights(model, staged)
        save_tokenizer(base.tokenizer, staged)
        (staged / CARD).write_text(card, encoding="utf-8")
        manifest.sync(staged)
    except Exception:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return staged


def _exchange(one: Path, other: Path) -> None:
    """Let two folders swap names, at once where the file system can."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return
    aside = one.with_name(f"{one.name}.former")
    shutil.rmtree(aside, ignore_errors=True)
    other.rename(aside)
    one.rename(other)
    aside.rename(one)


def _check_adapter(model: PeftModel, base: Base, folder: Path) -> float:
    """Compare the saved tensors, which must be equal, then load them onto the bare base and compare the logits: the
    largest difference, normally 0. Both times without the autocast of training. This uses up the model in memory.
    """
    weights = folder / "adapter_model.safetensors"
    names = {file.name for file in folder.iterdir()}
    if missing := ADAPTER_FILES - names:
        raise EngineError(f"the saved adapter lacks {', '.join(sorted(missing))}")
    if strays := [name for name in names - ADAPTER_FILES if name.endswith((".safetensors", ".bin", ".pt", ".pth"))]:
        raise EngineError(f"the saved adapter has extra weights: {', '.join(sorted(strays))}")
    trained = get_peft_model_state_dict(model, save_embedding_layers=False)
    _same_tensors(trained, load_peft_weights(folder, device="cpu"))
    held, wanted = _numbers(weights), sum(tensor.numel() for tensor in trained.values())
    if held != wanted:
        raise EngineError(f"the saved adapter holds {held:,} numbers instead of {wanted:,}")
    prompted = model.active_peft_config.is_prompt_learning
    if not prompted and (lost := _not_among(trained, model)):
        raise EngineError(f"the saved adapter lacks {len(lost)} weights that were trained, {lost[0]} among them")
    before = probe(extract_model_from_parallel(model, keep_fp32_wrapper=False), base)
    bare = model.get_base_model() if prompted else _bare(model)
    with patterns_read_elsewhere():
        loaded = PeftModel.from_pretrained(bare, folder)
    after = probe(loaded, base)
    largest = float(before.abs().max())
    if not math.isfinite(largest):
        raise EngineError(
            "the trained model's logits are not finite numbers: lower training.learning_rate, or under fp16 set "
            'training.precision = "bf16" (cards from Ampere on) or "fp32"'
        )
    return _accepted(float((before - after).abs().max()), 4 * torch.finfo(base.model.dtype).eps * largest)


def _bare(model: PeftModel) -> Any:
    """The base as it was; PEFT would leave what was trained whole in it."""
    for module in model.modules():
        if isinstance(module, ModulesToSaveWrapper):
            module.set_adapter([])
    return model.unload()


def _same_tensors(trained: dict[str, Tensor], saved: dict[str, Tensor]) -> None:
    if differing := sorted(trained.keys() ^ saved.keys()):
        raise EngineError(f"the saved adapter's tensors are not the trained ones, such as {differing[0]}")
    for name, weight in trained.items():
        if not torch.equal(weight.cpu(), saved[name]):
            raise EngineError(f"the saved adapter differs from the trained one in {name}")


def _not_among(saved: dict[str, Tensor], model: PeftModel) -> list[str]:
    """Names of the trained weights that are none of the saved tensors."""
    places = {tensor.data_ptr() for tensor in saved.values()}
    return [name for name, one in model.named_parameters() if one.requires_grad and one.data_ptr() not in places]


def _check_model(model: Any, folder: Path) -> float:
    """Load the saved model into main memory and compare every weight."""
    saved = type(model).from_pretrained(folder, dtype="auto", use_safetensors=True, local_files_only=True).state_dict()
    trained = model.state_dict()
    if set(saved) != set(trained):
        raise EngineError(
            f"the saved model's weights are not the trained ones: {', '.join(sorted(set(saved) ^ set(trained))[:5])}"
        )
    return _accepted(max(float((saved[name] - trained[name].cpu()).abs().max()) for name in trained))


def _accepted(difference: float, resolution: float = 0.0) -> float:
    """The difference, where it is no larger than what rounding explains."""
    if not difference <= max(_TOLERANCE, resolution):
        raise EngineError(f"loaded back, the result differs from the trained model (by {difference:.3g})")
    return difference


def _numbers(file: Path) -> int:
    """How many numbers a safetensors file holds; EngineError where it is shorter or longer than its header says."""
    with file.open("rb") as stream:
        (length,) = struct.unpack("<Q", stream.read(8))
        header = json.loads(stream.read(length))
    tensors = [entry for name, entry in header.items() if name != "__metadata__"]
    end = max((entry["data_offsets"][1] for entry in tensors), default=0)
    if file.stat().st_size != 8 + length + end:
        raise EngineError(f"{file.name} is {file.stat().st_size:,} bytes long instead of {8 + length + end:,}")
    return sum(torch.Size(entry["shape"]).numel() for entry in tensors)


def probe(model: Any, base: Base) -> Tensor:
    """The logits of a few tokens, or the scores of a few rows of them, in main memory."""
    tokens = torch.arange(min(32, model.config.get_text_config().vocab_size), device=model.device)
    ids = torch.stack([tokens.roll(turned) for turned in range(_SCORED if base.scores else 1)])
    before = set_attention(model, base.stock_attention)
    with undisturbed(model):
        logits = model(input_ids=ids, use_cache=False).logits.float().cpu()
    set_attention(model, before)
    return logits
