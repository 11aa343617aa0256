"""The result: saved, then checked by loading it again."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor

from tuitune.engine.failures import EngineError
from tuitune.engine.generate import undisturbed
from tuitune.engine.model import Base, set_attention

ADAPTER_FILES = {"adapter_config.json", "adapter_model.safetensors"}
CARD = "README.md"
_TOLERANCE = 1e-3  # of a logit; loading an adapter back normally changes nothing at all


def save_weights(model: Any, folder: Path) -> None:
    """The adapter's two files, or the whole model where there is no adapter; never a copy of the base's embeddings."""
    if isinstance(model, PeftModel):
        model.save_pretrained(folder, save_embedding_layers=False)
        (folder / CARD).unlink(missing_ok=True)
    else:
        model.save_pretrained(folder)


def save(model: Any, base: Base, card: str, folder: Path) -> None:
    """Write the result with its tokenizer and card beside `folder`, then move it there whole."""
    staged = folder.with_name(f".{folder.name}")
    shutil.rmtree(staged, ignore_errors=True)
    save_weights(model, staged)
    base.tokenizer.save_pretrained(staged)
    (staged / CARD).write_text(card, encoding="utf-8")
    staged.rename(folder)


def listing(folder: Path) -> list[dict[str, Any]]:
    return [{"name": file.name, "bytes": file.stat().st_size} for file in sorted(folder.iterdir())]


def check(model: Any, base: Base, folder: Path) -> float:
    """Compare what lies in `folder` with the model that was trained; the largest difference, which is normally 0.

    EngineError where it is not what was trained.
    """
    return _check_adapter(model, base, folder) if isinstance(model, PeftModel) else _check_model(model, folder)


def _check_adapter(model: PeftModel, base: Base, folder: Path) -> float:
    """Load the saved adapter onto the bare base and compare the logits. The model in memory is used up by this."""
    weights = folder / "adapter_model.safetensors"
    names = {file.name for file in folder.iterdir()}
    if missing := ADAPTER_FILES - names:
        raise EngineError(f"the saved adapter lacks {', '.join(sorted(missing))}")
    if strays := [name for name in names - ADAPTER_FILES if name.endswith((".safetensors", ".bin", ".pt", ".pth"))]:
        raise EngineError(f"the adapter was saved with other weights beside it: {', '.join(sorted(strays))}")
    saved, trained = _numbers(weights), sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    if saved != trained:
        raise EngineError(f"the saved adapter holds {saved:,} numbers, but {trained:,} were trained")
    before = _probe(model, base)
    after = _probe(PeftModel.from_pretrained(model.unload(), folder), base)
    return _accepted(float((before - after).abs().max()))


def _check_model(model: Any, folder: Path) -> float:
    """Load the saved model into main memory and compare every weight."""
    saved = type(model).from_pretrained(folder, dtype="auto", use_safetensors=True, local_files_only=True).state_dict()
    trained = model.state_dict()
    if set(saved) != set(trained):
        raise EngineError(f"the saved model has other weights: {', '.join(sorted(set(saved) ^ set(trained))[:5])}")
    return _accepted(max(float((saved[name] - trained[name].cpu()).abs().max()) for name in trained))


def _accepted(difference: float) -> float:
    if not difference <= _TOLERANCE:
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


def _probe(model: Any, base: Base) -> Tensor:
    """Logits of a few fixed tokens."""
    ids = torch.arange(min(32, model.config.get_text_config().vocab_size), device=model.device)[None]
    before = set_attention(model, base.stock_attention)
    with undisturbed(model):
        logits = model(input_ids=ids, use_cache=False).logits.float()
    set_attention(model, before)
    return logits
