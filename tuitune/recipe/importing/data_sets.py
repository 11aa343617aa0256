"""Data sets as other trainers name them, as the recipe's training data, what is mixed in, and the held-out rows."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tuitune.recipe.importing.outcomes import Outcome, carried, changed, lost, refused
from tuitune.recipe.values import shown
from tuitune.rows.column_names import CONVERSATIONS, ROLE_KEYS
from tuitune.rows.turns import ROLES, TEXT_KEYS
from tuitune.shapes import TRAINABLE

_MOST = 0.9
"""The share of a run's rows that may be mixed in."""

MEDIA = "tuitune cannot train on images, sound or video yet"
_BUILDERS = ("json", "csv", "parquet", "text")
_ELSEWHERE = re.compile(r"(s3|gs|gcs|az|adl|abfs|abfss|oci)://")


@dataclass(frozen=True)
class DataSet:
    """One of a configuration's data sets: its `name` as a recipe has it, and the key that says it.

    `shape` and `columns` are how its rows are read; `told` what becomes of its other keys, by their path.
    """

    key: str
    name: str
    shape: str = "auto"
    columns: Mapping[str, str] = field(default_factory=dict)
    told: Mapping[str, Outcome] = field(default_factory=dict)


def located(path: str, configuration: str = "", files: str | list[str] | None = None) -> list[str]:
    """The names that a recipe has for a local file or folder, a set on the Hub, or files of one."""
    names = [files] if isinstance(files, str) else list(files or [])
    if path in _BUILDERS and names:
        return names
    if names and "/" in path and not path.startswith((".", "/", "~")):
        return [f"https://huggingface.co/datasets/{path}/resolve/main/{name}" for name in names]
    if names:
        return [f"{path}/{name}" for name in names]
    return [f"{path}:{configuration}" if configuration and configuration != "default" else path]


def out_of_reach(name: str) -> str | None:
    """Why tuitune cannot read data of this name, where it cannot."""
    if found := _ELSEWHERE.match(name):
        return f"tuitune does not read {found[1]}:// addresses; copy the data here, or name an https address"
    return None


def combined(sets: Iterable[DataSet], shares: Mapping[str, float] | None = None) -> dict[str, Outcome]:
    """Outcomes by path: the first data set is the training data, the others are mixed in, with their `shares` of the
    whole where these are known.

    Trainers that put the sets one after another use all their rows: each share is then the largest that a recipe can
    have, of which tuitune takes what there is.
    """
    found: dict[str, Outcome] = {}
    listed = list(sets)
    first = {one.name: one for one in reversed(listed)}
    for one in listed:
        if why := out_of_reach(one.name):
            found[one.key] = refused(why)
        elif one is not first[one.name]:
            found[one.key] = lost("named before; tuitune reads each set once")
        elif one is listed[0]:
            found[one.key] = carried(data__train=one.name)
        else:
            found[one.key] = _mixed(one, shares, len(first) - 1)
        found.update(one.told)
    return found


def _mixed(one: DataSet, shares: Mapping[str, float] | None, count: int) -> Outcome:
    if shares is not None:
        return carried(data__mix={one.name: shares[one.name]})
    share = round(_MOST / count - 5e-5, 4) if count > 1 else _MOST
    why = "all its rows, up to this share of the whole; set the share that it should have"
    if one.columns:
        why += ". tuitune recognises the columns of what is mixed in, and cannot be told them"
    return changed(why, data__mix={one.name: share})


def part_of(split: str) -> Outcome:
    """A split of a Hub set, or the first rows of one: `train[:500]`."""
    found = re.fullmatch(r"(\w+)(\[:(\d+)\]|\[.*\])?", split)
    if found is None:
        return lost("tuitune reads one split by its name")
    if not found[2]:
        return carried(data__split=split)
    if found[3]:
        return carried(data__split=found[1], data__limit=int(found[3]))
    why = f"all of it, not {shown(found[2])} alone: tuitune takes first rows by their number; set data.limit"
    return changed(why, data__split=found[1])


def turns(keys: Iterable[str]) -> list[str]:
    """Those keys of a turn that tuitune does not read, of its role and its text."""
    return [key for key in keys if key not in (*ROLE_KEYS, *TEXT_KEYS)]


def strange_roles(names: Mapping[str, Iterable[str]]) -> list[str]:
    """Names of roles, by the role that they stand for, that tuitune takes for none or for another."""
    return [name for role, found in names.items() for name in found if ROLES.get(name.lower()) != ROLES.get(role, role)]


def conversation(column: str) -> dict[str, str]:
    """What `data.columns` has to say of a conversation in this column."""
    return {} if column in CONVERSATIONS else {"messages": column}


def shaped(shape: str, columns: Mapping[str, str], why: str = "") -> Outcome:
    """How rows are read; `auto` where an objective that learns from this shape is not trained, or none is known."""
    settings = {"data.shape": shape if shape in TRAINABLE else "auto"}
    if columns:
        settings["data.columns"] = dict(columns)  # type: ignore[assignment]
    if shape == "text":
        settings["data.loss_on"] = "all"
    return Outcome("changed" if why else "carried", settings, why)
