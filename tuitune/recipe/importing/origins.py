"""The trainers whose configurations are read, and which of them a file is for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tuitune.problem import Problem
from tuitune.recipe.importing.axolotl import AXOLOTL
from tuitune.recipe.importing.documents import UnreadableError, read
from tuitune.recipe.importing.imported import Imported, imported
from tuitune.recipe.importing.llamafactory import LLAMAFACTORY
from tuitune.recipe.importing.llamafactory_v1 import LLAMAFACTORY_V1
from tuitune.recipe.importing.origin import Origin
from tuitune.recipe.importing.peft import PEFT
from tuitune.text import clean

ORIGINS: dict[str, Origin] = {one.name: one for one in (AXOLOTL, LLAMAFACTORY, LLAMAFACTORY_V1, PEFT)}
"""Every trainer, by the name that `--from` takes."""

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle")


def import_file(path: Path, trainer: str = "", assignments: Iterable[str] = (), name: str = "") -> Imported:
    """The recipe that a configuration file means, as `imported`; its keys tell which trainer it is for, unless one of
    ORIGINS is named.

    UnreadableError names the file, and where they are known the line and the key of what is wrong.
    """
    if path.suffix.lower() in _PICKLES:
        message = "is a pickle, and to load one runs the code in it; name an adapter_config.json or a YAML file"
        raise UnreadableError(Problem(clean(str(path)), message))
    document = read(path)
    origin = ORIGINS.get(trainer) or next((one for one in ORIGINS.values() if one.tells(document.values)), None)
    if origin is None:
        told = "; ".join(f"{one.title} by {one.told_by}" for one in ORIGINS.values())
        raise UnreadableError(Problem(clean(str(path)), f"is of no trainer that tuitune knows. It tells {told}"))
    return imported(origin.parts(document), origin, assignments, name)
