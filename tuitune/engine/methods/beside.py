"""What trains beside the matrices of an adapter: ends of the model whole, and the embeddings of single tokens."""

from __future__ import annotations

from typing import Any

from peft import PeftModel
from peft.utils.other import AuxiliaryTrainingWrapper, ModulesToSaveWrapper
from torch import Tensor, nn
from transformers import PreTrainedModel

from tuitune.engine.load.model import Base, unwrapped
from tuitune.planning.checks.vocabulary import TRAINABLE, beyond, no_token
from tuitune.planning.targets import ends_apart
from tuitune.problem import Problem, TuituneError
from tuitune.recipe.schema import Recipe

_NAME = "default"


def wanted(base: Base, recipe: Recipe) -> dict[str, Any]:
    """What the config of an adapter says of it. TuituneError where the model or its vocabulary does not have it."""
    adapter, model = recipe.adapter, base.model
    ends = {"embeddings": model.get_input_embeddings(), "head": model.get_output_embeddings()}
    tied = ends["head"] is not None and ends["head"].weight is ends["embeddings"].weight
    if problem := ends_apart(recipe, tied=tied):
        raise TuituneError(problem)
    both = ("embeddings",) if tied else ("embeddings", "head")
    chosen = {"none": (), "both": both}.get(adapter.modules_to_save, (adapter.modules_to_save,))
    if any(ends[end] is None for end in chosen):
        message = 'this model does not say which layer its output head is; set it to "embeddings"'
        raise TuituneError(Problem("adapter.modules_to_save", message))
    found: dict[str, Any] = {}
    if chosen:
        found["modules_to_save"] = [_name_of(ends[end], model) for end in chosen]
        found["ensure_weight_tying"] = tied
    if adapter.trainable_tokens:
        found["trainable_token_indices"] = _numbers(base, adapter.trainable_tokens)
    return found


def settle(model: PeftModel) -> None:
    """Train in float32 what has the format of the base, with the base's in and out; and let a head whose tokens are
    trained have no bias, for which the loss asks.
    """
    dtype = unwrapped(model).dtype
    for module in _beside(model):
        if not isinstance(module, ModulesToSaveWrapper):
            if isinstance(module.original_module, nn.Linear):
                module.register_parameter("bias", None)
            continue
        trained = module.modules_to_save[_NAME].float()
        if isinstance(trained, nn.Linear):
            trained.register_forward_pre_hook(_taken_precisely)
        else:
            trained.register_forward_hook(lambda _, __, given: given.to(dtype))


def finish(model: PeftModel) -> None:
    """Give what was trained whole the format of the base, in which the result is used."""
    for module in _beside(model):
        if isinstance(module, ModulesToSaveWrapper):
            module.modules_to_save[_NAME].to(module.original_module.weight.dtype)


def _beside(model: PeftModel) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, AuxiliaryTrainingWrapper)]


def _taken_precisely(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (given[0].to(module.weight.dtype),)


def _name_of(module: nn.Module, model: PreTrainedModel) -> str:
    return next(name for name, one in model.named_modules() if one is module)


def _numbers(base: Base, tokens: list[str]) -> list[int]:
    """The numbers of tokens in the vocabulary."""
    known, rows = base.tokenizer.get_vocab(), base.model.get_input_embeddings().weight.shape[0]
    if missing := [token for token in tokens if token not in known]:
        raise TuituneError([Problem(TRAINABLE, no_token(token, known)) for token in missing])
    if outside := [token for token in tokens if known[token] >= rows]:
        raise TuituneError([Problem(TRAINABLE, beyond(token, known[token], rows)) for token in outside])
    return sorted(known[token] for token in tokens)
