"""What the installed libraries can do with a model, told from their files: importing them would take seconds."""

from __future__ import annotations

import importlib.util
import re
from functools import cache
from pathlib import Path

_MAPPING = r"^MODEL_FOR_{}_MAPPING_NAMES = OrderedDict\(\n(.*?)^\)"
_PAIR = re.compile(r'\("([^"]+)", "([^"]+)"\)')

_TRAINABLE: dict[str, tuple[str, ...]] = {
    "bitsandbytes": ("bitsandbytes",),
    "gptq": ("gptqmodel", "optimum"),
    "awq": ("gptqmodel",),
    "aqlm": ("aqlm",),
    "eetq": ("kernels",),
    "hqq": ("hqq",),
    "quanto": ("optimum.quanto",),
    "torchao": ("torchao",),
    "compressed-tensors": ("compressed_tensors",),
    "sinq": ("sinq",),
    "mxfp4": (),
    "fp8": (),
    "mxfp8": (),
}
"""The methods of stored weights under which adapters can be trained, with the packages that load them: `is_trainable`
and `validate_environment` of transformers' quantizers. The last three are unpacked to 16 bits as they are loaded."""


@cache
def classes(task: str = "CAUSAL_LM") -> dict[str, str]:
    """The model types that transformers loads for a task, each with its class; empty where that cannot be told."""
    package = importlib.util.find_spec("transformers")
    places = package.submodule_search_locations if package else None
    try:
        text = (Path(places[0]) / "models" / "auto" / "modeling_auto.py").read_text("utf-8") if places else ""
    except OSError:
        return {}
    found = re.search(_MAPPING.format(task), text, re.DOTALL | re.MULTILINE)
    return dict(_PAIR.findall(found[1])) if found else {}


def writes(model_type: str | None) -> bool:
    """Whether the installed transformers has a class for this type that writes text; True where that is not known."""
    return model_type in classes() if classes() else True


def gives_scores(model_type: str) -> bool:
    """Whether the installed transformers has a class for this type with a head for scores; True where not known."""
    known = classes("SEQUENCE_CLASSIFICATION")
    return model_type in known if known else True


def trainable_quantization(method: str) -> str | None:
    """Why adapters cannot be trained here on weights that are stored by `method`; None where they can."""
    if method == "unknown":
        return None
    if method not in _TRAINABLE:
        return "adapters cannot be trained on them; choose the model's 16-bit version"
    if absent := [package for package in _TRAINABLE[method] if not _installed(package)]:
        names = " and ".join(absent)
        return f"{names}, which loads them, is not installed; install it, or choose the model's 16-bit version"
    return None


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False
