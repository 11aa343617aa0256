"""Whether there is a device for a recipe on this machine, one that torch can compute on and that may be taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuitune.hardware import fitness, occupancy
from tuitune.hardware.fitness import Build
from tuitune.hardware.gpus import Gpu
from tuitune.problem import Problem
from tuitune.recipe.schema import Recipe
from tuitune.text import clean
from tuitune.units import count_text

CPU_MODEL = 300_000_000
"""Parameters above which training on a CPU takes days."""

_KEY = "hardware.gpu"
_NONE = "no GPU on this machine"


@dataclass(frozen=True)
class KnownDevices:
    """The GPUs of this machine, why there are none or fewer ("" where all is well), whether these are certainly all,
    and the torch that would compute on them.
    """

    gpus: Sequence[Gpu]
    reason: str
    certain: bool
    build: Build | None

    def open_to(self, recipe: Recipe) -> tuple[Gpu, ...]:
        """The GPUs that a run of the recipe may take: of several only those that torch can use, if there is one."""
        wanted = occupancy.candidates(self.gpus, recipe.hardware.gpu, occupancy.visible_devices())
        return tuple(fitness.usable(wanted, self.build))

    def is_awaited(self, recipe: Recipe) -> bool:
        """Whether a run of the recipe would wait for a GPU that cannot be seen now."""
        return not self.certain and not self.open_to(recipe) and not _leaves_gpus_alone(recipe)


def check_device(recipe: Recipe, machine: KnownDevices) -> list[Problem]:
    """What keeps the recipe from every device of this machine; nothing where the run could wait for one."""
    cards = machine.open_to(recipe)
    if cards:
        return _useless(cards, machine.build)
    if machine.is_awaited(recipe):
        return []
    return [*_missing(recipe, machine), *_needs_gpu(recipe)]


def too_large_unasked(recipe: Recipe, parameters: int | None, reason: str = _NONE) -> Problem | None:
    """Why a large model does not start on the CPU by itself, where `reason` there is no GPU; None where it may."""
    if recipe.hardware.gpu != "auto" or (parameters or 0) <= CPU_MODEL:
        return None
    days = f"{count_text(parameters or 0)} parameters take days on a CPU"
    return Problem(_KEY, f'{reason}, and {days}; set it to "cpu" to train there anyway')


def no_gpu(recipe: Recipe, machine: KnownDevices) -> str:
    """Why a run of the recipe would have no GPU; "" where it is refused for that."""
    if not machine.is_awaited(recipe) and _missing(recipe, machine):
        return ""
    if machine.gpus and _leaves_gpus_alone(recipe):
        return "CUDA_VISIBLE_DEVICES hides every GPU"
    return machine.reason or _NONE


def _leaves_gpus_alone(recipe: Recipe) -> bool:
    wanted = recipe.hardware.gpu
    return wanted == "cpu" or (wanted == "auto" and occupancy.hides_all(occupancy.visible_devices()))


def _useless(cards: Sequence[Gpu], build: Build | None) -> list[Problem]:
    """A card that torch cannot use: the run would fail once it has loaded its libraries, or train on the CPU."""
    refusals = [fitness.refusal(card, build) for card in cards]
    if not all(refusals):
        return []
    more = f" (and {len(cards) - 1} more)" if len(cards) > 1 else ""
    return [Problem(_KEY, f'{occupancy.title(cards[0])}{more} cannot be used: {refusals[0]}; or set it to "cpu"')]


def _missing(recipe: Recipe, machine: KnownDevices) -> list[Problem]:
    """A named GPU must exist: the run would wait for it without end."""
    wanted = recipe.hardware.gpu
    if _leaves_gpus_alone(recipe) or (wanted == "auto" and not machine.gpus):
        return []
    there = " and ".join(f"{gpu.index} ({clean(gpu.uuid or gpu.name, limit=60)})" for gpu in machine.gpus)
    instead = f"there is GPU {there}" if machine.gpus else machine.reason or "there is none"
    if wanted == "auto":
        named = clean(occupancy.visible_devices() or "", limit=60)
        return [Problem(_KEY, f"CUDA_VISIBLE_DEVICES = {named} names no GPU of this machine: {instead}; unset it")]
    return [Problem(_KEY, f'this machine has no GPU {clean(wanted, limit=60)}: {instead}; set it to "auto"')]


def _needs_gpu(recipe: Recipe) -> list[Problem]:
    """torch has no float16 training on a CPU, and PEFT's DoRA loses the scales of 8-bit weights there
    (`dequantize_module_weight`).
    """
    if recipe.hardware.gpu not in ("auto", "cpu"):
        return []
    asked = {"training.precision": recipe.training.precision == "fp16", "model.dtype": recipe.model.dtype == "float16"}
    none = "the CPU is chosen" if recipe.hardware.gpu == "cpu" else "there is none here"
    found = [
        Problem(key, f'float16 needs a GPU, and {none}; set it to "auto"') for key, wanted in asked.items() if wanted
    ]
    if recipe.adapter.dora and recipe.method.uses("dora") and recipe.quantization.bits == 8:
        message = f"DoRA on 8-bit weights needs a GPU, and {none}; set it to false, or quantization.bits = 4"
        found.append(Problem("adapter.dora", message))
    return found
