"""Whether the installed torch can compute on a card, and the wheel that can: told without importing torch.

A wheel has kernels for some architectures (compute capabilities) and needs a driver of its CUDA's generation.
"""

from __future__ import annotations

import ast
import importlib.util
import platform
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tuitune.hardware.gpus import Gpu
from tuitune.text import clean

BFLOAT16 = (8, 0)
"""The first compute capability with bfloat16 in hardware; torch emulates it below, slowly."""

_Release = tuple[int, int]

DRIVERS = {12: 525, 13: 580}
"""The oldest driver of each generation of CUDA, whatever its minor version (NVIDIA's CUDA Compatibility guide)."""

_WHEELS = {(12, 6): (50, 60, 70, 75, 80, 86, 90), (13, 0): (75, 80, 86, 90, 100, 120)}
"""The CUDA wheels of a torch that has no table of its own, and what they have kernels for (torch 2.13's, x86-64)."""

_INDEX = "https://download.pytorch.org/whl"


@dataclass(frozen=True)
class Build:
    """A torch: its version, the CUDA that it is built for (None: none), and the architectures that it has kernels for,
    as `torch.cuda.get_arch_list` names them (`sm_90`, `compute_120`); none where that is not known.
    """

    version: str
    cuda: _Release | None
    architectures: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """`torch 2.13.0 for CUDA 13.0`."""
        return f"torch {self.version} for {f'CUDA {_dotted(self.cuda)}' if self.cuda else 'the CPU'}"


@cache
def installed() -> Build | None:
    """The torch that an engine would import; None where there is none, or it does not say what it is."""
    try:
        told = _constants(_folder() / "version.py")["cuda"]
        if told is None:
            return Build(version("torch"), None)
        cuda = release(told)
        return Build(version("torch"), cuda, _wheels().get(cuda, ()))
    except (PackageNotFoundError, OSError, SyntaxError, ValueError, LookupError):
        return None


def release(text: str) -> _Release:
    """`13.0` as (13, 0), as `torch.version.cuda` writes it. ValueError where it is no version."""
    major, minor, *_ = (int(part) for part in f"{text}.0".split("."))
    return major, minor


def refusal(gpu: Gpu, build: Build | None) -> str:
    """Why `build` cannot compute on a card and what would, in a sentence; "" where nothing known speaks against it."""
    if gpu.mode == "prohibited":
        return f"its compute mode is PROHIBITED; `nvidia-smi -i {gpu.index} -c DEFAULT` (as root) changes that"
    if gpu.mode == "uncut":
        return f"MIG is on without a slice; create one, or turn MIG off (`nvidia-smi -i {gpu.index} -mig 0`, as root)"
    if build is None or not (reason := _mismatch(gpu, build)):
        return ""
    return f"{reason}; {_remedy(gpu, build)}"


def usable(cards: Sequence[Gpu], build: Build | None) -> list[Gpu]:
    """The cards on which `build` can compute; all of them where it can on none."""
    return [card for card in cards if not refusal(card, build)] or list(cards)


def has_bfloat16(gpu: Gpu) -> bool | None:
    """Whether a card has bfloat16 in hardware; None where its capability is not told."""
    return None if gpu.capability is None else gpu.capability >= BFLOAT16


def runs_on(capability: tuple[int, int], architectures: Iterable[str]) -> bool:
    """Whether code for one of `architectures` runs on a card: that of its own generation and at most its own revision
    (`sm_86` on 8.9), or an intermediate form (`compute_90`) of any earlier one.
    """
    for name in architectures:
        kind, _, number = name.partition("_")
        major, minor = divmod(int("".join(filter(str.isdigit, number)) or 0), 10)
        if kind == "compute" and (major, minor) <= capability:
            return True
        if kind == "sm" and major == capability[0] and minor <= capability[1]:
            return True
    return False


def _mismatch(gpu: Gpu, build: Build) -> str:
    driver = f"driver {clean(gpu.driver, limit=40)}" if gpu.driver else "the driver"
    supports = f"{driver} supports CUDA {_dotted(gpu.cuda)}" if gpu.cuda else ""
    if build.cuda is None:
        return f"torch {build.version} is built without CUDA" + (f", and {supports}" if supports else "")
    if gpu.cuda and gpu.cuda[0] < build.cuda[0]:
        needed = f"driver {oldest} or newer" if (oldest := DRIVERS.get(build.cuda[0])) else "a newer driver"
        return f"{supports}, and {build.title} needs {needed}"
    if gpu.capability and build.architectures and not runs_on(gpu.capability, build.architectures):
        card = f"{clean(gpu.name, limit=60)} (compute capability {_dotted(gpu.capability)})"
        return f"{build.title} has no kernels for {card}, only {' '.join(build.architectures)}"
    return ""


def _remedy(gpu: Gpu, build: Build) -> str:
    """A wheel of the same release, or another driver; its full name, for pip takes 2.13.0+cpu for 2.13.0."""
    version = build.version.partition("+")[0]
    own = gpu.capability
    wheels = [cuda for cuda, kernels in _wheels().items() if own is None or runs_on(own, kernels)]
    if not wheels:
        return f"no wheel of torch {version} has kernels for it: choose another GPU"
    drivable = [cuda for cuda in wheels if gpu.cuda is None or cuda[0] <= gpu.cuda[0]]
    if not drivable:
        needed = [build.cuda] if build.cuda in wheels else wheels
        return f"update the driver to {min(DRIVERS.get(cuda[0], 0) for cuda in needed)} or newer"
    # A generation's oldest runs with all its drivers.
    major, minor = min(drivable, key=lambda cuda: (-cuda[0], cuda[1]))
    wheel = f"cu{major}{minor}"
    install = f"install the {wheel} wheel: pip install torch=={version}+{wheel} --index-url {_INDEX}/{wheel}"
    return f"update the driver, or {install}" if build.cuda in wheels and build.cuda not in drivable else install


@cache
def _wheels() -> Mapping[_Release, tuple[str, ...]]:
    """The CUDA wheels of the installed torch's release with their architectures, as its own source lists them."""
    found: Mapping[_Release, Sequence[int]] = _WHEELS
    machine = "aarch64" if platform.machine().lower() == "aarch64" else "x86_64"
    with suppress(OSError, SyntaxError, ValueError, LookupError, TypeError, AttributeError):
        table = _constants(_folder() / "cuda" / "__init__.py")["PYTORCH_RELEASES_CODE_CC"]
        found = {release(cuda): sorted(codes[machine]) for cuda, codes in table.items()}
    return {cuda: tuple(f"sm_{code}" for code in codes) for cuda, codes in found.items()}


def _folder() -> Path:
    """Where torch lies. FileNotFoundError where it does not."""
    found = importlib.util.find_spec("torch")
    if found is None or found.origin is None:
        raise FileNotFoundError("torch")
    return Path(found.origin).parent


def _constants(file: Path) -> dict[str, Any]:
    """The constants that a module assigns at its top, by name, without running it."""
    found = {}
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        match statement:
            case ast.Assign([ast.Name(name)], value) | ast.AnnAssign(ast.Name(name), _, ast.expr() as value):
                with suppress(ValueError):
                    found[name] = ast.literal_eval(value)
    return found


def _dotted(numbers: tuple[int, int]) -> str:
    return f"{numbers[0]}.{numbers[1]}"
