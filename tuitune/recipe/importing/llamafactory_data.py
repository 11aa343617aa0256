"""LLaMA-Factory's data sets: names in a dataset_info.json, which says where the rows lie and how they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuitune.recipe.importing.common import number
from tuitune.recipe.importing.data_sets import MEDIA, DataSet, combined, conversation, located, part_of, shaped, turns
from tuitune.recipe.importing.documents import Document, read
from tuitune.recipe.importing.outcomes import Outcome, Rules, Table, carried, changed, lost, refused
from tuitune.recipe.values import shown
from tuitune.text import clean

_CATALOGUE = "dataset_info.json"
_ONLINE = "ONLINE"
"""The folder's name where data sets are named as on the Hub."""

_MEDIA = ("images", "videos", "audios")
_BESIDE = {"system": "system", "tools": "tools"}


def found_near(document: Document, name: str) -> Path | None:
    """A file that a configuration names by a path from where its trainer is started: that, or a folder above it."""
    folders = [Path(), *document.path.absolute().parents[:6]]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


@dataclass(frozen=True)
class Catalogue:
    """What a dataset_info.json says of each data set; empty, without a `path`, where none was found."""

    path: Path | None
    sets: Mapping[str, Any]


def catalogue(document: Document) -> Catalogue:
    """The catalogue in the configuration's `dataset_dir`."""
    folder = document.values.get("dataset_dir", "data")
    if not isinstance(folder, str) or folder == _ONLINE or folder.startswith("REMOTE:"):
        return Catalogue(None, {})
    path = found_near(document, f"{folder}/{_CATALOGUE}")
    return Catalogue(path, read(path).values if path else {})


def rules(known: Catalogue) -> Rules:
    """What becomes of the keys that name data sets."""
    return {
        "dataset": lambda value, table: _training(_listed(value), table, known),
        "eval_dataset": lambda value, table: _held_out(_listed(value), table, known),
        "max_samples": lambda value, table: _limit(value, table, known),
        "mix_strategy": lambda value, _: carried() if value == "concat" else carried("data.mix has the shares"),
        "interleave_probs": lambda _value, _table: carried("data.mix has the shares"),
        "dataset_dir": lambda value, _: _folder(value, known),
    }


def _folder(value: Any, known: Catalogue) -> Outcome:
    if known.path is not None:
        return carried("in the names of the data")
    return carried("the Hub, as here") if value == _ONLINE else lost(f"no {_CATALOGUE} was found there")


def merged(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of a key that says several things."""
    kinds = [one.kind for one in outcomes]
    kind = next(one for one in ("refused", "changed", "lost", "carried") if one in kinds)
    settings: dict[str, Any] = {}
    for key, value in (pair for one in outcomes for pair in one.settings.items()):
        settings[key] = {**settings.get(key, {}), **value} if isinstance(value, dict) else value
    whys = dict.fromkeys(one.why for one in outcomes if one.why and (kind != "refused" or one.kind == kind))
    return Outcome("changed" if kind == "lost" and settings else kind, settings, "; ".join(whys))


def _listed(value: Any) -> list[str]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError(f"expected names of data sets, found {shown(value)}")
    return list(dict.fromkeys(name.strip() for name in names))


def _training(names: list[str], table: Table, known: Catalogue) -> Outcome:
    sets = [_data_set(name, known) for name in names]
    found = combined(sets, _shares([one.name for one in sets], table))
    refusals = [one for name in names[1:] for one in _read_as(name, known) if one.kind == "refused"]
    taken = _fewest(table.get("max_samples"), table, known)
    limit = [Outcome("carried", {"data.limit": taken})] if "num_samples" in _entry(names[0], known) else []
    return merged([*found.values(), *limit, *_read_as(names[0], known), *refusals, *_untold(names, known)])


def _shares(names: Sequence[str], table: Table) -> dict[str, float] | None:
    """The shares of all but the first where `interleave_probs` gives them, at most what a recipe mixes in."""
    given = table.get("interleave_probs")
    if given is None:
        return None
    listed = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else [given]
    parts = [number(one) for one in listed]
    if len(parts) != len(names) or min(parts) <= 0:
        raise ValueError("expected an interleave_probs above 0 for each of them")
    shares = [part / sum(parts) for part in parts]
    most = min(1.0, 0.9 / (1 - shares[0])) if shares[0] < 1 else 1.0
    return {name: round(share * most, 6) for name, share in zip(names[1:], shares[1:], strict=True)}


def _held_out(names: list[str], table: Table, known: Catalogue) -> Outcome:
    one = _data_set(names[0], known)
    trained = [_data_set(name, known).name for name in _listed(table["dataset"])] if table.get("dataset") else []
    if one.name in trained:
        return changed("those are training rows; data.eval takes others, or a share", data__eval=0.05)
    others = [lost("tuitune evaluates one set, the first")] if len(names) > 1 else []
    refusals = [found for found in _read_as(names[0], known) if found.kind == "refused"]
    return merged([carried(data__eval=one.name), *others, *refusals, *_untold(names[:1], known)])


def _limit(value: Any, table: Table, known: Catalogue) -> Outcome:
    limit = Outcome("carried", {"data.limit": _fewest(value, table, known)})
    several = isinstance(table.get("dataset"), str | list) and len(_listed(table["dataset"])) > 1
    why = "of the training data; what is mixed in has its share"
    return Outcome("changed", limit.settings, why) if several else limit


def _fewest(most: Any, table: Table, known: Catalogue) -> Any:
    """Rows of the first data set: `max_samples`, or what the catalogue takes of it where that is less."""
    names = _listed(table["dataset"]) if table.get("dataset") else []
    taken = _entry(names[0], known).get("num_samples") if names else None
    given = [one for one in (most, taken) if isinstance(one, int)]
    return min(given) if given else most


def _entry(name: str, known: Catalogue) -> dict[str, Any]:
    if known.path is None:
        return {}
    if name not in known.sets:
        raise ValueError(
            f"{shown(name)} is not in {clean(str(known.path))}; add it there, or name one of its data sets"
        )
    if not isinstance(entry := known.sets[name], dict):
        raise ValueError(f"expected a table for {shown(name)} in {clean(str(known.path))}, found {shown(entry)}")
    return entry


def _data_set(name: str, known: Catalogue) -> DataSet:
    """Where the rows of a data set lie; the name itself where no catalogue says it."""
    entry = _entry(name, known)
    if isinstance(hub := entry.get("hf_hub_url"), str):
        subset = entry.get("subset")
        return DataSet(name, located(hub, subset if isinstance(subset, str) else "")[0])
    if isinstance(file := entry.get("file_name"), str) and known.path:
        return DataSet(name, str(known.path.parent / file))
    return DataSet(name, name)


def _untold(names: Sequence[str], known: Catalogue) -> list[Outcome]:
    """That names of no known meaning are left as they are."""
    if known.path is not None:
        strange = [name for name in names if not {"hf_hub_url", "file_name"} & _entry(name, known).keys()]
        where = "lies where tuitune does not read: name a file, an https address or a Hub data set"
        return [refused(f"{shown(name)} {where}") for name in strange]
    said, lie = ", ".join(shown(name) for name in names), "lies" if len(names) == 1 else "lie"
    why = f"{_CATALOGUE} was not found, which says where {said} {lie}: name the file or the Hub data set instead"
    return [changed(why)]


def _read_as(name: str, known: Catalogue) -> Iterator[Outcome]:
    """How the rows of a data set are read."""
    entry = _entry(name, known)
    columns, tags = _table(entry.get("columns")), _table(entry.get("tags"))
    if media := [kind for kind in _MEDIA if columns.get(kind)]:
        yield refused(f"{shown(name)} has {' and '.join(media)}, and {MEDIA}")
        return
    if not entry or entry.get("ranking") or columns.get("kto_tag"):
        return
    if isinstance(split := entry.get("split"), str):
        yield part_of(split)
    beside = {role: columns[key] for key, role in _BESIDE.items() if columns.get(key) not in (None, role)}
    if entry.get("formatting") in ("sharegpt", "openai"):
        openai = entry["formatting"] == "openai" or tags.get("role_tag") == "role"
        yield shaped(
            "messages" if openai else "sharegpt", conversation(columns.get("messages") or "conversations") | beside
        )
        if strange := turns(str(tags[key]) for key in ("role_tag", "content_tag") if key in tags):
            yield lost(f"tuitune reads no {' and '.join(map(shown, strange))} of a turn")
        return
    yield _instructions(columns, beside)


def _table(value: Any) -> Table:
    return value if isinstance(value, dict) else {}


def _instructions(columns: Mapping[str, Any], beside: Mapping[str, str]) -> Outcome:
    """Rows of one question and answer; those of a text alone are for pre-training."""
    if not columns:
        return shaped("alpaca", {})
    prompt, query, response = columns.get("prompt"), columns.get("query"), columns.get("response")
    if not response:
        return shaped("text", {"text": prompt or "text"})
    if query or (prompt, response) == ("instruction", "output"):
        named = {"instruction": prompt or "instruction", "input": query or "input", "output": response}
        usual = {"instruction": "instruction", "input": "input", "output": "output"}
        return shaped("alpaca", {**(named if named != usual or beside else {}), **beside})
    return shaped("columns", {"prompt": prompt or "instruction", "completion": response, **beside})
