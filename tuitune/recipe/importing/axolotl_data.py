"""Axolotl's `datasets`: where rows lie, and the `type` that says how they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tuitune.recipe.importing import common
from tuitune.recipe.importing.data_sets import (
    DataSet,
    combined,
    conversation,
    located,
    out_of_reach,
    part_of,
    shaped,
    strange_roles,
    turns,
)
from tuitune.recipe.importing.outcomes import (
    Outcome,
    Single,
    Table,
    carried,
    changed,
    is_off,
    lost,
    missing,
    objective,
    own,
    refused,
)
from tuitune.recipe.values import shown

_TEMPLATED = "rows become turns of the model's chat template, without the headings that Axolotl writes around them"
_RECOGNISED = "tuitune recognises the rows by their columns; `tuitune check` says as what"
_MIXED = "tuitune recognises the rows of what is mixed in"

_TYPES: dict[str, tuple[str, dict[str, str]]] = {
    "chat_template": ("messages", {}),
    "sharegpt": ("sharegpt", {}),
    "alpaca": ("alpaca", {}),
    "alpaca_instruct": ("alpaca", {}),
    "alpaca_chat": ("alpaca", {}),
    "alpaca_w_system": ("alpaca", {}),
    "alpaca_chat.load_qa": ("columns", {"prompt": "question", "completion": "answer"}),
    "alpaca_chat.load_camel_ai": ("columns", {"prompt": "message_1", "completion": "message_2"}),
    "alpaca_w_system.load_open_orca": (
        "columns",
        {"system": "system_prompt", "prompt": "question", "completion": "response"},
    ),
    "gpteacher": ("alpaca", {"instruction": "instruction", "input": "input", "output": "response"}),
    "oasst": ("columns", {"prompt": "INSTRUCTION", "completion": "RESPONSE"}),
    "summarizetldr": ("columns", {"prompt": "article", "completion": "summary"}),
    "completion": ("text", {}),
}
"""By `type`, without what follows a colon: the shape of the rows, and the columns that are not its usual ones."""

_FIELDS = {
    "field_instruction": "instruction",
    "field_input": "input",
    "field_output": "output",
    "field_system": "system",
}


def data_sets(value: Any, table: Table) -> dict[str, Outcome]:
    """What becomes of the list of data sets: how the rows of the first are read is the recipe's, the others' is seen
    from the rows.
    """
    found: list[DataSet] = []
    for place, one in enumerate(_tables(value)):
        path = f"[{place}]"
        names, files = _names(one), one.get("data_files")
        told = _told(path, one, table, main=place == 0)
        if isinstance(files, list):
            told |= {f"{path}.data_files[{number}]": carried("in the name of the data") for number in range(len(files))}
        found.append(DataSet(f"{path}.path", names[0], columns=_columns(one, table), told=told))
        found += [DataSet(f"{path}.data_files[{number}]", name) for number, name in enumerate(names) if number]
    return combined(found)


def held_out_sets(value: Any, table: Table) -> dict[str, Outcome]:
    """The held-out rows: the first set, where its rows lie apart from the training rows."""
    given = _tables(value)
    first = _names(given[0])[0]
    trained = [name for one in _maybe(table.get("datasets")) for name in _names(one)]
    if why := out_of_reach(first):
        outcome = refused(why)
    elif first in trained:
        why = "another split of the training set; data.eval takes other data, or a share of the training rows"
        outcome = changed(why, data__eval=0.05)
    else:
        outcome = carried(data__eval=first)
    rest = {f"[0].{key}": carried("read as the training rows are") for key in given[0] if key != "path"}
    others = {f"[{place}]": lost("tuitune evaluates one set") for place in range(1, len(given))}
    return {"[0].path": outcome, **rest, **others}


def pretraining(value: Any, table: Table) -> Outcome:
    """Text to learn as it is; `objective` says whether that is trained here."""
    given = [{"path": value}] if isinstance(value, str) else _tables(value)
    column = given[0].get("text_column") or "text"
    columns = {} if column == "text" else {"data.columns": {"text": column}}
    outcome = objective("pretrain")
    names = {"data.train": _names(given[0])[0], **columns}
    return Outcome(outcome.kind, {**outcome.settings, **names} if outcome.settings else {}, outcome.why)


def _tables(value: Any) -> list[dict[str, Any]]:
    given = [value] if isinstance(value, dict) else value
    if not isinstance(given, list) or not given or not all(isinstance(one, dict) for one in given):
        raise ValueError(f"expected a list of data sets, each with a path, found {shown(value)}")
    for place, one in enumerate(given):
        if not isinstance(one.get("path"), str) or not one["path"].strip():
            raise ValueError(f"data set {place + 1} has no path; expected a file, a folder or a Hub name")
        for key, (kind, wanted) in _KINDS.items():
            if one.get(key) is not None and not isinstance(one[key], kind):
                raise ValueError(f"{key} of data set {place + 1}: expected {wanted}, found {shown(one[key])}")
        files = one.get("data_files") or []
        if not isinstance(files, str | list) or not all(isinstance(name, str) and name for name in files):
            raise ValueError(f"data_files of data set {place + 1}: expected names of files, found {shown(files)}")
    return given


_TEXT = (str, "text")
_TABLE = (dict, "a table")
_KINDS: dict[str, tuple[type, str]] = {
    **dict.fromkeys(("name", "split", "field", "field_messages"), _TEXT),
    **dict.fromkeys(("message_property_mappings", "roles"), _TABLE),
}


def _maybe(value: Any) -> list[dict[str, Any]]:
    try:
        return _tables(value)
    except ValueError:
        return []


def _names(one: Mapping[str, Any]) -> list[str]:
    name = one.get("name")
    return located(one["path"], name if isinstance(name, str) else "", one.get("data_files"))


def _type(one: Mapping[str, Any]) -> str:
    said = one.get("type")
    return said.partition(":")[0] if isinstance(said, str) else ""


def _read_as(one: Mapping[str, Any], table: Table) -> tuple[str, dict[str, str], str]:
    """Shape and columns of a set's rows, and why these are not quite what its `type` says."""
    said = one.get("type")
    if not is_off(table.get("rl")) or not is_off(table.get("reward_model")):
        return "auto", {}, _RECOGNISED
    if isinstance(said, dict):
        columns = {role: said[key] for key, role in _FIELDS.items() if isinstance(said.get(key), str)}
        if not columns:
            return "auto", {}, _RECOGNISED
        if "input" in columns:
            return "alpaca", columns, _TEMPLATED
        names = {"instruction": "prompt", "output": "completion"}
        return "columns", {names.get(role, role): column for role, column in columns.items()}, _TEMPLATED
    name = _type(one)
    known = _TYPES.get(name) or _TYPES.get(name.partition(".")[0])
    if known is None:
        return "auto", {}, _RECOGNISED
    shape, columns = known
    if shape == "messages":
        keys = one.get("message_property_mappings") or {}
        shape = "sharegpt" if "from" in (keys.get("role"), one.get("message_field_role")) else shape
        return shape, conversation(one.get("field_messages") or "messages"), ""
    if shape == "sharegpt":
        return shape, conversation(one.get("field_messages") or "conversations"), ""
    if shape == "text":
        field = one.get("field") or "text"
        return shape, {} if field == "text" else {"text": field}, ""
    return shape, columns, _TEMPLATED


def _columns(one: Mapping[str, Any], table: Table) -> dict[str, str]:
    return _read_as(one, table)[1]


def _told(path: str, one: Mapping[str, Any], table: Table, *, main: bool) -> dict[str, Outcome]:
    """What becomes of the keys of a set beside its name."""
    told: dict[str, Outcome] = {}
    for key, value in one.items():
        if key == "path" or (key == "data_files" and isinstance(value, list) and value):
            continue
        if key == "type" and isinstance(value, dict) and value:
            told |= {f"{path}.type.{name}": outcome for name, outcome in _written_by(value, one, table, main)}
            continue
        told[f"{path}.{key}"] = (
            carried("empty") if value is None and key != "type" else _key(key, value, one, table, main)
        )
    return told


def _written_by(
    said: Mapping[str, Any], one: Mapping[str, Any], table: Table, main: bool
) -> Iterator[tuple[str, Outcome]]:
    """What becomes of a `type` that says itself how a row is written: its first column brings them all."""
    shape, columns, why = _read_as(one, table)
    whole = shaped(shape, columns, why) if main else carried(_MIXED)
    for key, value in said.items():
        if value is None or value == "":
            yield key, carried("empty")
        elif key in _FIELDS:
            yield key, whole
            whole = carried("the column, as above")
        else:
            yield key, _OF_A_TYPE.get(key, _unknown)(value, said)


def _key(key: str, value: Any, one: Mapping[str, Any], table: Table, main: bool) -> Outcome:
    if key == "type":
        shape, columns, why = _read_as(one, table)
        return shaped(shape, columns, why) if main else carried(_MIXED)
    if key == "split" and isinstance(value, str):
        if main:
            return part_of(value)
        return carried() if value == "train" else lost("tuitune mixes in the split called train")
    if key == "message_property_mappings" and isinstance(value, dict):
        strange = turns(str(name) for role, name in value.items() if role in ("role", "content"))
        return lost(f"tuitune reads no {' and '.join(map(shown, strange))} of a turn") if strange else carried()
    if key == "roles" and isinstance(value, dict):
        names = {role: found for role, found in value.items() if isinstance(found, list)}
        strange = strange_roles({role: [str(name) for name in found] for role, found in names.items()})
        return lost(f"tuitune knows no role {', '.join(map(shown, strange))}") if strange else carried()
    if key == "roles_to_train":
        return _learned(value, main)
    return _OTHERS.get(key, _unknown)(value, one)


def _learned(value: Any, main: bool) -> Outcome:
    if value == ["assistant"] or not main:
        return carried("the assistant's turns")
    if value == []:
        return carried(data__loss_on="completion")
    if isinstance(value, list) and {"user", "human"} & set(map(str, value)):
        return changed(
            "tuitune learns from the assistant's turns, the last answer, or every token", data__loss_on="all"
        )
    return lost("tuitune learns from the assistant's turns, the last answer, or every token")


def _unknown(_value: Any, _table: Table) -> Outcome:
    return lost("tuitune has no setting for it")


def _ended(value: Any, _table: Table) -> Outcome:
    return carried("so it is here") if value == "turn" else lost("tuitune learns the token that ends each learned turn")


_OF_A_TYPE: dict[str, Single] = {
    "system_prompt": missing("write it into the rows as a system turn"),
    **dict.fromkeys(("format", "no_input_format", "system_format"), own(_TEMPLATED)),
}

_OTHERS: dict[str, Single] = {
    "name": lambda _value, _table: carried("in the name of the data"),
    "data_files": lambda _value, _table: carried("in the name of the data"),
    "ds_type": own("tuitune sees the format of a file by its content"),
    "field": lambda _value, _table: carried("the column of the text"),
    "field_messages": lambda _value, _table: carried("the column of the conversation"),
    "message_field_role": lambda value, _: lost(f"tuitune reads no {value!r}") if turns([str(value)]) else carried(),
    "message_field_content": lambda value, _: lost(f"tuitune reads no {value!r}") if turns([str(value)]) else carried(),
    "message_field_training": own("a turn with `train` or `training` false is context"),
    "field_chosen": lambda value, _: carried() if value == "chosen" else lost("set data.columns by its name"),
    "field_rejected": lambda value, _: carried() if value == "rejected" else lost("set data.columns by its name"),
    "field_tools": lambda value, _: carried() if value == "tools" else lost("tuitune looks for tools in `tools`"),
    "field_thinking": own("tuitune reads `reasoning_content`, `thinking` and `reasoning` of a turn"),
    "template_thinking_key": own("tuitune gives the reasoning to the template under the name that it takes"),
    "chat_template": common.template,
    "chat_template_jinja": missing("save it as a file and name it in data.template"),
    "train_on_eos": _ended,
    "train_on_eot": _ended,
    "conversation": own("tuitune uses the tokenizer's own chat template"),
    "drop_system_message": missing("tuitune keeps system turns; drop them from the data"),
    "trust_remote_code": missing("tuitune runs no code of data sets"),
    "shards": missing("tuitune reads a whole set; data.limit takes its first rows"),
    "shards_idx": missing("tuitune reads a whole set; data.limit takes its first rows"),
    "preprocess_shards": own("tuitune reads rows one by one"),
    "revision": missing("tuitune reads the newest revision of a Hub set"),
    "split_thinking": own("tuitune takes reasoning apart from the answer"),
}
