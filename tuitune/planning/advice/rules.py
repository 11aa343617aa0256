"""Advice on a recipe: what would work but is unwise, and the settings that fix it. One short function a rule."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache

from tuitune.hardware import fitness, occupancy
from tuitune.hardware.compiler import why_not_compiled
from tuitune.hardware.models import ADAPTER_CONFIG
from tuitune.methods import IA3
from tuitune.methods.descriptor import Rates
from tuitune.methods.ia3 import FEED_FORWARD
from tuitune.planning.advice.base_model import base_model_advice
from tuitune.planning.advice.cadence import cadence_advice, few_steps_advice, warm_up_advice
from tuitune.planning.advice.data import data_advice
from tuitune.planning.advice.preferences import preference_advice
from tuitune.planning.advice.rewards import reward_advice
from tuitune.planning.advice.savings import memory_advice
from tuitune.planning.advice.survival import survival
from tuitune.planning.advice.text import text_advice
from tuitune.planning.checks.half_precision import MAY_OVERFLOW, computes_in_float16, float16_trouble
from tuitune.planning.checks.model import needs_remote_code
from tuitune.planning.checks.situation import Advice, Situation
from tuitune.planning.targets import EXPERT_PARAMETERS, expert_names
from tuitune.recipe.settings import settings, without_effect
from tuitune.text import clean
from tuitune.units import bytes_text, count_text, number_text

_LEAST_ROW = 8
"""The least tokens that data.max_length takes."""


def advise(situation: Situation) -> list[Advice]:
    """All advice that applies, warnings first."""
    found = [advice for rule in _RULES for advice in rule(situation)]
    return sorted(found, key=lambda advice: advice.level != "warning")


def _learning_rate(now: Situation) -> Iterator[Advice]:
    """1e-6 learns nothing with LoRA, 5e-3 explodes on a model of billions: each method has its own, and objectives take
    a share of it.
    """
    rate, key = now.recipe.training.learning_rate, "training.learning_rate"
    method, rates = now.recipe.method, _rates(now)
    if rates is None:
        return
    usual, fix = f"{number_text(rates.usual)} is usual", {key: rates.usual}
    if rate < rates.lowest:
        message = f"{number_text(rate)} is too low for {method.title} to learn much. {usual}"
        yield Advice("learning-rate-low", "warning", key, message, fix)
    elif rate > rates.highest:
        yield Advice("learning-rate-high", "warning", key, f"{number_text(rate)} {method.too_high}. {usual}", fix)


def _rates(now: Situation) -> Rates | None:
    """Those of the method, or the share of them that the objective takes; None where none are usual."""
    rates = now.recipe.method.rates if now.is_large else now.recipe.method.small_rates
    return rates and rates.of(now.recipe.optimises.rate)


def _second_matrices(now: Situation) -> Iterator[Advice]:
    """LoRA+ multiplies the rate of some weights, so the rate itself has to be lower."""
    ratio, rate, rates = now.recipe.adapter.lora_plus, now.recipe.training.learning_rate, _rates(now)
    if rates is None or not now.recipe.method.uses("lora_plus"):
        return
    highest = rates.highest
    if rate <= highest < rate * ratio * (1 - 1e-9):
        key, reached = "training.learning_rate", number_text(rate * ratio)
        message = f"LoRA+ trains the second matrices at {reached}: {now.recipe.method.too_high}"
        yield Advice("lora-plus", "warning", key, message, {key: highest / ratio})


def _length(now: Situation) -> Iterator[Advice]:
    facts = now.model.facts
    longest = facts.max_positions if facts and not facts.fixed_positions else None
    room = longest and longest - (now.recipe.longest - now.recipe.data.max_length)
    if longest and room is not None and now.recipe.data.max_length > room:
        message = f"{now.recipe.longest:,} tokens exceed the model's {longest:,}"
        fix = {"data.max_length": room} if room >= _LEAST_ROW else None
        yield Advice("length", "warning", "data.max_length", message, fix)


def _rank(now: Situation) -> Iterator[Advice]:
    total, method = now.model.facts.parameters if now.model.facts else None, now.recipe.method
    if method.uses("modules_to_save") and now.recipe.adapter.modules_to_save != "none":
        return
    if not method.rank(now.recipe.adapter) or not now.trainable or not total or now.trainable <= total / 2:
        return
    sizes = f"{count_text(now.trainable)} parameters, the model {count_text(total)}"
    usual = {"rank": 16, "alpha": 32} if method.uses("rank") else {"initial_rank": 12, "target_rank": 8}
    key, rank = next(iter(usual.items()))
    message = f"the adapter is too large: it has {sizes}. Rank {rank} is usual"
    fix = {f"adapter.{name}": value for name, value in usual.items()}
    yield Advice("rank-large", "warning", f"adapter.{key}", message, fix)


def _of_another_method(now: Situation) -> Iterator[Advice]:
    """What the recipe asks of its adapter, and its method does not have."""
    idle = without_effect(now.recipe)
    for one in settings():
        if one.section == "adapter" and one.key in idle and one.of(now.recipe) != one.default:
            message = f"has no effect with {now.recipe.method.title}: {idle[one.key]}"
            yield Advice("no-effect", "info", one.key, message, {one.key: one.default})


def _scaled_layers(now: Situation) -> Iterator[Advice]:
    """Those of the paper: keys, values, and what the feed-forward's last layer reads."""
    facts, targets = now.model.facts, now.recipe.adapter.targets
    usual = ["k_proj", "v_proj", *([] if facts is not None and facts.experts else [FEED_FORWARD])]
    if now.recipe.method is IA3 and (targets == "all-linear" or sorted(targets) != sorted(usual)):
        message = f"IA3 usually scales {', '.join(usual)}"
        yield Advice("ia3-targets", "info", "adapter.targets", message, {"adapter.targets": usual})


def _no_gpu(now: Situation) -> Iterator[Advice]:
    if now.gpus or now.recipe.hardware.gpu == "cpu" or not now.no_gpu_reason:
        return
    if not now.certain:
        message = f'{now.no_gpu_reason}: the run waits for a GPU; set it to "cpu" to train there'
        yield Advice("no-answer", "warning", "hardware.gpu", message)
        return
    message = f"{now.no_gpu_reason}: training runs on the CPU, in float32 unless the recipe says otherwise"
    yield Advice("no-gpu", "info", "training.precision", message)


def _compiler(now: Situation) -> Iterator[Advice]:
    """TRL's loss head compiles its launcher when it is first used."""
    if now.gpus and now.recipe.hardware.gpu != "cpu" and (missing := _without_compiler()):
        message = f"{missing}. Without it the loss runs in torch instead of Triton: slower, using more memory"
        yield Advice("no-compiler", "warning", "hardware.gpu", message)


@cache
def _without_compiler() -> str | None:
    return why_not_compiled()


def _taken_gpu(now: Situation) -> Iterator[Advice]:
    """A run does not start on somebody's card unasked."""
    if now.recipe.hardware.share or not now.gpus or not all(map(occupancy.is_taken, now.gpus)):
        return
    first = now.gpus[0]
    users = occupancy.users_text(first)
    opening = f"{occupancy.title(first)} is in use{f' by {users}' if users else ''}"
    message = f"{opening}: the run waits until it is free; hardware.share = true starts it now"
    yield Advice("gpu-in-use", "info", "hardware.gpu", message)


def _notify(now: Situation) -> Iterator[Advice]:
    """A recipe may come from somebody else, and this is the one setting that runs a program."""
    if now.recipe.run.notify:
        command = clean(now.recipe.run.notify, limit=200)
        message = f"this command runs with your rights when the run ends or raises an alert: {command}"
        yield Advice("runs-command", "warning", "run.notify", message)


def _until(now: Situation) -> Iterator[Advice]:
    if now.recipe.limits.ends_at < time.time():
        message = f"{now.recipe.limits.until} is in the past: the run would stop at its first step"
        yield Advice("until-past", "warning", "limits.until", message, {"limits.until": ""})


def _no_bfloat16(now: Situation) -> Iterator[Advice]:
    """Cards before Ampere (compute capability 8.0) emulate bfloat16."""
    old = now.gpu if now.gpu and fitness.has_bfloat16(now.gpu) is False else None
    wanted = now.recipe.training.precision == "bf16" or now.recipe.model.dtype == "bfloat16"
    overflows = float16_trouble(now.recipe, _model_type(now)) is not None
    if wanted and old and not overflows:
        message = f"{clean(old.name, limit=60)} has no bfloat16; float16 is far faster there"
        fix = {"training.precision": "auto", "model.dtype": "auto"}
        yield Advice("no-bfloat16", "warning", "training.precision", message, fix)


def _model_type(now: Situation) -> str | None:
    return now.model.facts.model_type if now.model.facts else None


def _float16(now: Situation) -> Iterator[Advice]:
    if _model_type(now) in MAY_OVERFLOW and computes_in_float16(now.recipe, now.gpu):
        message = 'this model may overflow in float16, which ends the run; "fp32" avoids that at twice the memory'
        yield Advice("float16-overflow", "info", "training.precision", message)


def _remote_code(now: Situation) -> Iterator[Advice]:
    if not now.recipe.model.trust_remote_code or now.model.facts is None:
        return
    key = "model.trust_remote_code"
    if needs_remote_code(now.model.facts):
        yield Advice("remote-code", "warning", key, "Python code from the model will run with your rights")
    else:
        yield Advice("remote-code", "info", key, "this model needs no code of its own", {key: False})


def _download(now: Situation) -> Iterator[Advice]:
    if not now.model.download:
        return
    rest, remote = "the rest" if now.model.download == "partial" else "it", now.model.remote
    size = f" ({bytes_text(remote.download)})" if remote and remote.download else ""
    message = f"this model is not on this machine; the run downloads {rest} first{size}"
    if remote and remote.unknown:
        known = "Only the catalogue tells about it" if now.model.listed else "Nothing is known about it"
        message += f". {known}, and the run may fail: {clean(remote.unknown, limit=200)}"
    yield Advice("download", "warning" if remote and remote.unknown else "info", "model.id", message)


def _experts(now: Situation) -> Iterator[Advice]:
    """Most of a mixture are its experts, and an adapter that leaves them alone learns less than its rank promises."""
    facts, adapter = now.model.facts, now.recipe.adapter
    if facts is None or facts.experts is None or not now.recipe.method.uses("targets"):
        return
    known = EXPERT_PARAMETERS.get(facts.model_type or "", {})
    named = isinstance(adapter.targets, list) and bool(expert_names(adapter.targets, facts.model_type))
    if named:
        message = "each expert gets an adapter too"
    else:
        names = " and ".join(name for name in known if name != "gate" and now.recipe.method.experts)
        way = f"; to adapt them, add {names} to adapter.targets and set adapter.dropout = 0" if names else ""
        message = f"the {facts.experts.count} experts of each layer are not trained{way}"
    yield Advice("experts", "info", "adapter.targets", message)


def _experts_in_16_bits(now: Situation) -> Iterator[Advice]:
    """transformers holds experts in parameters of three dimensions, which bitsandbytes does not quantize."""
    facts = now.model.facts
    if now.recipe.quantization.bits == 16 or facts is None or facts.experts is None or now.forecast is None:
        return
    kept = now.forecast.parts["experts"]
    whole = kept + now.forecast.parts["weights"]
    message = f"the experts stay in 16 bits: {bytes_text(kept)} of {bytes_text(whole)} of weights are not quantized"
    yield Advice("experts-16-bit", "warning", "quantization.bits", message)


def _adapter_beside(now: Situation) -> Iterator[Advice]:
    if now.model.adapter_beside:
        message = (
            f"the model's folder has an adapter ({ADAPTER_CONFIG}), which training ignores. transformers loads both "
            "from there, so move the adapter away before you use the result"
        )
        yield Advice("adapter-beside", "warning", "model.id", message)


def _revision(now: Situation) -> Iterator[Advice]:
    if now.model.folder is not None and not now.model.hub and now.recipe.model.revision != "main":
        message = "a revision has no effect on a local model"
        yield Advice("revision", "info", "model.revision", message, {"model.revision": "main"})


_RULES: tuple[Callable[[Situation], Iterable[Advice]], ...] = (
    memory_advice,
    _learning_rate,
    preference_advice,
    text_advice,
    reward_advice,
    _length,
    _second_matrices,
    _rank,
    _of_another_method,
    _scaled_layers,
    _no_gpu,
    _compiler,
    _taken_gpu,
    _no_bfloat16,
    _float16,
    _remote_code,
    data_advice,
    _download,
    base_model_advice,
    _revision,
    _experts,
    _experts_in_16_bits,
    _adapter_beside,
    few_steps_advice,
    warm_up_advice,
    cadence_advice,
    _until,
    _notify,
    lambda now: survival(now.session, now.recipe, now.forecast),
)
