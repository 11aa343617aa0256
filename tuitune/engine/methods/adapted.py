"""What training asks of a method besides the model: what it adds to the loss and to a step, and how it is saved."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peft import PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from peft.utils.save_and_load import load_peft_weights
from safetensors import SafetensorError
from torch import Tensor

from tuitune.engine.process.failures import EngineError, first_line
from tuitune.engine.tokens.collator import Batch

_CARD = "README.md"


class Adapted:
    """The model to train, as a method has made it of the base.

    A method that asks nothing more of training returns this class itself; one that does has a subclass in its file.
    `leading` is how many virtual tokens the model puts before those of a row: its logits have as many more.
    """

    leading = 0

    def __init__(self, model: Any) -> None:
        self.model = model

    @contextmanager
    def as_base(self) -> Iterator[None]:
        """The base as it was, within. For a run that has not trained yet: its own biases stay as they were trained."""
        if not isinstance(self.model, PeftModel):
            yield
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Careful, disabling adapter layers with bias")  # they are the base's yet
            trained = [weight for weight in self.model.parameters() if weight.requires_grad]
            with self.model.disable_adapter():
                for weight in trained:
                    weight.requires_grad_()  # PEFT freezes them, and the trainer tells by this what trains
                yield

    def begin(self, batches: Iterable[Batch]) -> None:
        """The run begins: look at its rows, as the model's decoder takes them, in evaluation mode. Not done again in a
        later life, which takes what was found here from its checkpoint.
        """

    def penalty(self) -> Tensor | None:
        """What each step's gradient counts besides the objective's loss, which is recorded without it."""
        return None

    def stepped(self, step: int) -> None:
        """The optimizer has made its step number `step`, counted from 1, and the gradients are still there."""

    def rate(self, name: str, weight: Tensor) -> float:
        """The learning rate of a trained weight, as a multiple of the recipe's."""
        return 1.0

    def save(self, folder: Path) -> None:
        """Write what `load` takes: the adapter's two files, or the whole model where there is no adapter."""
        save_weights(self.model, folder)

    def load(self, folder: Path) -> None:
        """Be what `save` wrote; EngineError where those are not the weights of this model."""
        try:
            self._load(folder)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise EngineError(
                f"the weights in {folder} do not fit this model: {first_line(error)}. Start a new run for other model "
                "or adapter settings, or move that folder away to resume from an older checkpoint."
            ) from error

    def _load(self, folder: Path) -> None:
        if isinstance(self.model, PeftModel):
            given = load_peft_weights(str(folder), device="cpu")
            known = get_peft_model_state_dict(self.model, save_embedding_layers=False)
            if differing := sorted(given.keys() ^ known.keys()):
                raise ValueError(f"{len(differing)} tensors are missing or unknown, {differing[0]} among them")
            set_peft_model_state_dict(self.model, given)
        else:
            saved = type(self.model).from_pretrained(folder, dtype="auto", use_safetensors=True, local_files_only=True)
            self.model.load_state_dict(saved.state_dict())

    def finish(self) -> None:
        """Training is over: turn the model into what its result is to hold, with the same logits."""


def save_weights(model: Any, folder: Path) -> None:
    """The adapter's two files, or the whole model where there is no adapter; never a copy of the base's embeddings."""
    if isinstance(model, PeftModel):
        model.save_pretrained(folder, save_embedding_layers=False)
        (folder / _CARD).unlink(missing_ok=True)
    else:
        model.save_pretrained(folder)
