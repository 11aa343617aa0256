"""Every key of a configuration is in one list, whatever it is and whatever its value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.recipe.importing.configurations import accounts_for, leaves
from tuitune.recipe.importing.axolotl import AXOLOTL
from tuitune.recipe.importing.documents import Document, UnreadableError
from tuitune.recipe.importing.imported import imported
from tuitune.recipe.importing.origin import Origin
from tuitune.recipe.importing.origins import ORIGINS
from tuitune.recipe.importing.outcomes import Rules

_NAMES = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=12)
_PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-5, 5000)
    | st.floats(0, 1)
    | st.sampled_from(["auto", "no", "lora", "qlora", "steps", "sft", "dpo", "1e-4", "acme/data", "a, b", "(a|b)_proj"])
    | st.text(max_size=8)
)
_VALUES = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3),
    max_leaves=6,
)
_SETS = st.lists(
    st.fixed_dictionaries(
        {"path": st.sampled_from(["acme/one", "acme/two", "json", "s3://bucket/x"])},
        optional={
            "type": st.sampled_from(["alpaca", "chat_template", "completion", "odd"]) | _VALUES,
            "split": st.sampled_from(["train", "train[:50]", "train[:5%]", "test"]) | _VALUES,
            "data_files": st.just("a.jsonl") | st.lists(st.sampled_from(["a.jsonl", "b.jsonl"]), max_size=2),
            "field_messages": _VALUES,
            "message_property_mappings": _VALUES,
            "roles": _VALUES,
            "roles_to_train": _VALUES,
            "unheard_of": _VALUES,
        },
    ),
    min_size=1,
    max_size=3,
)


def _keys(rules: Rules) -> st.SearchStrategy[str]:
    known = [key for key in rules if key != "*"]
    return st.sampled_from(known).map(lambda key: f"{key[:-1]}odd" if key.endswith("*") else key) | _NAMES


def _configurations(rules: Rules) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(_keys(rules), _VALUES, max_size=6)


def _check(origin: Origin, values: dict[str, Any]) -> None:
    parts = origin.parts(Document(Path("config.yml"), values))
    try:
        found = imported(parts, origin)
    except UnreadableError as error:
        assert all(problem.key and problem.message for problem in error.problems)
        return
    assert (found.recipe is None) == bool(found.problems)
    for leaf in leaves(values) if values else ():
        assert [one.key for one in found.entries if accounts_for(one.key, leaf)] != []
        assert len([one for one in found.entries if accounts_for(one.key, leaf)]) == 1, leaf
    for one in found.entries:
        assert one.outcome.kind in ("carried", "changed", "lost", "refused")
        assert one.outcome.why or one.outcome.kind == "carried", one.key


@pytest.mark.parametrize("name", [name for name in ORIGINS if name != "peft"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_key_is_accounted_for_once(name: str, data: st.DataObject) -> None:
    origin = ORIGINS[name]
    rules = origin.parts(Document(Path("config.yml"), {}))[0].rules
    _check(origin, data.draw(_configurations(rules)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sets=_SETS, held_out=_SETS | st.none(), objective=st.sampled_from([None, "dpo"]))
def test_every_key_of_axolotls_data_sets_is_accounted_for_once(sets: Any, held_out: Any, objective: str | None) -> None:
    values = {"base_model": "acme/base", "datasets": sets, "test_datasets": held_out, "rl": objective}
    _check(AXOLOTL, {key: value for key, value in values.items() if value is not None})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_key_of_an_adapter_is_accounted_for_once(data: st.DataObject) -> None:
    origin = ORIGINS["peft"]
    adapter = data.draw(_configurations(origin.parts(Document(Path("adapter_config.json"), {"peft_type": 1}))[0].rules))
    _check(origin, {**adapter, "peft_type": "LORA"})
