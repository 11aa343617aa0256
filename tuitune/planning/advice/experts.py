"""What quantization leaves of a mixture of experts, said before the start."""

from __future__ import annotations

from collections.abc import Iterator

from tuitune.planning.checks.situation import Advice, Situation
from tuitune.units import bytes_text


def expert_advice(now: Situation) -> Iterator[Advice]:
    """4 bits of a mixture are 4 bits of its attention: transformers holds experts in parameters of three dimensions,
    which bitsandbytes does not quantize.
    """
    bits, facts = now.recipe.quantization.bits, now.model.facts
    if bits == 16 or facts is None or facts.experts is None or now.forecast is None:
        return
    kept = now.forecast.parts["experts"]
    whole = kept + now.forecast.parts["weights"]
    message = f"the experts stay in 16 bits: {bytes_text(kept)} of {bytes_text(whole)} of weights are not quantized"
    yield Advice("experts-16-bit", "warning", "quantization.bits", message)
