"""The tuners of PEFT that have no file of their own: each is known by its options, which PEFT's config class declares.

What each does not go with was found by running it, and `tests/engine/methods/test_support.py` runs it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tuitune.methods.descriptor import WIDENED, Method, Parameters, Settings, Support
from tuitune.methods.lora import ADAPTER, placed

if TYPE_CHECKING:
    from tuitune.hardware.model_facts import Linear, ModelFacts

_ON_LAYERS = frozenset({"targets", "layers", "options"})
_BY_ITSELF = frozenset({"options"})
"""Those that PEFT places by itself: on norms, in the embeddings, beside attention."""


_CODES = "it computes with the weights themselves, and quantized ones are stored as codes, not as numbers"
_PLAIN = "PEFT has it for unquantized linear layers only"
_TASKS = "every row needs the number of its task, which a data set here does not have"
_STORED = "it is tested only on unquantized weights and on those that bitsandbytes quantizes"
_UNREACHED = "no gradient reaches its vector through quantized layers"
_UNTRIED = "learning from the model's own answers is not tested with it yet"
_ON_NUMBERS = Support(bits={4: _CODES, 8: _CODES}, stored=_CODES)
"""For those that read the weights as they are made, or at every step."""


def _unavailable(why: str) -> Support:
    return Support(unavailable=why, stored=_STORED)


def _unknown(settings: Settings, facts: ModelFacts, adapted: Sequence[Linear], experts: Sequence[Linear]) -> int | None:
    """Counted by an engine process, on the model itself (`tuitune.planning.checks.tuners`)."""
    return None


def _as_its_base(settings: Settings) -> str:
    """As PEFT begins, unless it is told to draw all weights."""
    return (
        "its weights are drawn at random (init_weights = false)"
        if settings.options.get("init_weights") is False
        else ""
    )


def _drawn(what: str) -> Callable[[Settings], str]:
    """For those that PEFT begins at random, whatever is asked."""
    return lambda settings: f"{what} at random"


def _drawn_unless_asked(what: str) -> Callable[[Settings], str]:
    """For those whose `init_weights` is not true by default."""
    told = f"{what} at random, unless init_weights = true"
    return lambda settings: "" if settings.options.get("init_weights") is True else told


def _by_layer(of: Callable[[Mapping[str, Any], Linear], int]) -> Parameters:
    """The sum over the layers, of what each trains by the options: for tuners that PEFT puts on real weights alone."""

    def parameters(
        settings: Settings, facts: ModelFacts, adapted: Sequence[Linear], experts: Sequence[Linear]
    ) -> int | None:
        return sum(of(settings.options, one) * one.count for one in adapted) if facts.linears else None

    return parameters


def _butterfly(options: Mapping[str, Any], layer: Linear) -> int:
    """Blocks of a rotation, and a scale for each output."""
    blocks = options.get("boft_block_num", 0)
    size = layer.inputs // blocks if blocks else options.get("boft_block_size", 4)
    return layer.inputs * size + layer.outputs


def _rotation(options: Mapping[str, Any], layer: Linear) -> int:
    """The entries of a sparse matrix beside its diagonal, and a singular value for each input."""
    square = layer.inputs**2
    return min(int(square * options.get("sparse_rate", 0.01)), square - layer.inputs) + layer.inputs


def _tuner(
    name: str,
    title: str,
    does: str,
    *,
    places: bool = True,
    parameters: Parameters = _unknown,
    starts: Callable[[Settings], str] = _as_its_base,
    support: Support = Support(stored=_STORED),  # noqa: B008 - immutable
) -> Method:
    """A tuner by its name in PEFT, in small letters. `places`: its layers are the recipe's to choose."""

    def described(settings: Settings, targets: str, bits: int) -> str:
        options = ", ".join(f"{key} {value}" for key, value in settings.options.items())
        on = f" on {placed(settings, targets)}" if places else ""
        base = "" if bits == 16 else f", base in {bits} bits"
        return f"{name}{f' {options}' if options else ''}{on}{base}"

    def recorded(settings: Settings, targets: str) -> str:
        options = "".join(f", {key} {value}" for key, value in settings.options.items())
        return f"{title}{options}{f', on {placed(settings, targets)}' if places else ''}"

    return Method(
        name=name,
        title=title,
        does=does,
        made=f"An adapter ({title}) for",
        settings=_ON_LAYERS if places else _BY_ITSELF,
        trains_base=False,
        result=ADAPTER,
        parameters=parameters,
        described=described,
        recorded=recorded,
        tags=(name,),
        starts=starts,
        support=replace(support, generating=_UNTRIED),
    )


_TUNERS = (
    _tuner(
        "adamss",
        "AdaMSS",
        "trains subspaces of the weights' singular vectors",
        support=_unavailable("PEFT needs scikit-learn for it, which tuitune does not install"),
    ),
    _tuner(
        "adaption_prompt",
        "Adaption prompt",
        "adds prompts that attention reads, by a gate",
        places=False,
        support=_unavailable("PEFT cannot take it off the model again, so its result could not be checked"),
    ),
    _tuner(
        "beft",
        "BEFT",
        "trains a bias for the chosen layers",
        support=Support(merging="it needs a bias in the layers of the base", stored=_STORED),
    ),
    _tuner("boft", "BOFT", "turns the weights by butterflies of small rotations", parameters=_by_layer(_butterfly)),
    _tuner(
        "c3a",
        "C3A",
        "adds circular convolutions",
        starts=_drawn_unless_asked("its kernels are drawn"),
    ),
    _tuner(
        "cartridge",
        "Cartridge",
        "trains a cache of keys and values",
        places=False,
        support=_unavailable("it starts from the cache of a long text, which tuitune does not make; prefix needs none"),
    ),
    _tuner(
        "cpt",
        "Context-aware prompt tuning",
        "trains the embeddings of examples in the prompt",
        places=False,
        support=_unavailable("its prompt is made of example tokens and their kinds, which tuitune does not prepare"),
    ),
    _tuner("deft", "DEFT", "takes a subspace of the weights out and puts another in", support=_ON_NUMBERS),
    _tuner("delora", "DeLoRA", "trains matrices of low rank whose length is bounded", support=_ON_NUMBERS),
    _tuner(
        "fourierft",
        "FourierFT",
        "trains some frequencies of the weights' change",
        starts=_drawn_unless_asked("its frequencies are drawn"),
    ),
    _tuner(
        "frod",
        "FRoD",
        "trains a rotation that all layers of a kind share",
        support=_ON_NUMBERS,
        parameters=_by_layer(_rotation),
    ),
    _tuner(
        "glora",
        "GLoRA",
        "scales and shifts weights and biases by matrices of low rank",
        support=Support(bits={4: _PLAIN, 8: _PLAIN}, stored=_PLAIN),
    ),
    _tuner("gralora", "GraLoRA", "trains small matrices for each block of a weight"),
    _tuner("hira", "HiRA", "multiplies the weights by a change of low rank"),
    _tuner("hra", "HRA", "reflects the weights", support=_ON_NUMBERS),
    _tuner(
        "lily",
        "Lily",
        "shares small matrices among layers, by a router",
        support=_unavailable(
            "its router averages over whole rows with their padding, so a text would depend on its neighbours"
        ),
    ),
    _tuner("ln_tuning", "LN tuning", "trains the norms alone", places=False),
    _tuner(
        "loha", "LoHa", "adds a product of two changes of low rank", support=Support(bits={4: _CODES}, stored=_STORED)
    ),
    _tuner("lokr", "LoKr", "adds a Kronecker product", support=Support(bits={4: _CODES}, stored=_STORED)),
    _tuner("miss", "MiSS", "adds one small matrix, repeated over a weight"),
    _tuner(
        "multitask_prompt_tuning",
        "Multitask prompt tuning",
        "trains prompts that tasks share",
        places=False,
        support=_unavailable(_TASKS),
    ),
    _tuner("oft", "OFT", "turns the weights by blocks of rotations"),
    _tuner("osf", "OSF", "trains the weights' small singular values and keeps the large ones", support=_ON_NUMBERS),
    _tuner(
        "peanut",
        "PEANuT",
        "adds a small network that reads the weights",
        support=Support(bits={4: _CODES}, stored=_CODES),
    ),
    _tuner("poly", "Poly", "mixes small matrices by task", support=_unavailable(_TASKS)),
    _tuner("psoft", "PSOFT", "turns the weights in their principal subspace", support=_ON_NUMBERS),
    _tuner(
        "pvera",
        "PVeRA",
        "scales shared random matrices, by vectors with a spread",
        support=Support(bits={4: WIDENED, 8: WIDENED}, stored=WIDENED),
    ),
    _tuner(
        "randlora",
        "RandLoRA",
        "combines random matrices, to a change of full rank",
        support=Support(bits={4: WIDENED, 8: WIDENED}, stored=WIDENED),
    ),
    _tuner(
        "road",
        "RoAd",
        "turns what layers give, two numbers at a time",
        support=Support(bits={4: WIDENED, 8: WIDENED}, stored=WIDENED),
    ),
    _tuner(
        "shadow",
        "ShadowPEFT",
        "trains a small model beside the base, which corrects it",
        places=False,
        support=Support(
            packing="its small model reads a whole row as one text", merging="it is a model of its own", stored=_STORED
        ),
    ),
    _tuner(
        "shira",
        "SHiRA",
        "trains a few entries of the weights",
        parameters=_by_layer(lambda options, layer: options.get("r", 32) * (layer.inputs + layer.outputs)),
        support=Support(bits={8: WIDENED}, stored=_STORED),
    ),
    _tuner("supertuning", "Supertuning", "trains the entries of the weights that matter most", support=_ON_NUMBERS),
    _tuner("tinylora", "TinyLoRA", "trains a handful of numbers for each layer", support=_ON_NUMBERS),
    _tuner(
        "trainable_tokens",
        "Trainable tokens",
        "trains the embeddings of chosen tokens",
        places=False,
        support=Support(scoring="PEFT trains no head beside it, so the score would stay random", stored=_STORED),
    ),
    _tuner(
        "unilora",
        "Uni-LoRA",
        "trains one vector that all layers share",
        parameters=lambda settings, *_: settings.options.get("theta_d_length", 256),
        starts=_drawn("its vector is drawn"),
        support=Support(bits={4: _UNREACHED, 8: _UNREACHED}, stored=_UNREACHED),
    ),
    _tuner(
        "vblora",
        "VB-LoRA",
        "mixes vectors from a bank that all layers share",
        starts=_drawn("its vectors are drawn"),
    ),
    _tuner("vera", "VeRA", "scales random matrices that all layers share"),
    _tuner("waveft", "WaveFT", "trains some wavelets of the weights' change"),
    _tuner(
        "xlora",
        "X-LoRA",
        "mixes adapters that were trained before",
        places=False,
        support=_unavailable("it mixes adapters that were trained before"),
    ),
)

TUNERS: dict[str, Method] = {method.name: method for method in _TUNERS}
