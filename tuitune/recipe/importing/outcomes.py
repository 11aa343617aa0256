"""What becomes of a key of another trainer's configuration, and the rules that tables of keys are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Literal

from tuitune.methods import FIRST_CLASS, METHODS
from tuitune.objectives import TRAINED
from tuitune.recipe.settings import Setting, checked, settings
from tuitune.recipe.values import shown

_ALIKE = 0.85
"""How much of an unknown key has to be like a known one for it to be meant."""

Kind = Literal["carried", "changed", "lost", "refused"]
Table = Mapping[str, Any]
"""Keys and values of a configuration, or of a table in it."""


@dataclass(frozen=True)
class Outcome:
    """What becomes of one key: the recipe's `settings` that it sets, and `why` it is not simply the same there.

    `carried`: it means the same, or says nothing. `changed`: another value, or something that tuitune does by itself.
    `lost`: it cannot be in a recipe. `refused`: without it the recipe would train something else, so there is none.
    """

    kind: Kind
    settings: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


Rule = Callable[[Any, Table], "Outcome | dict[str, Outcome]"]
"""From the value of a key, and the table that it stands in, to what becomes of it. A rule that takes a table or a list
apart gives an outcome for each part, by the part's path below the key (`[0].path`). ValueError says what was expected.
"""

Single = Callable[[Any, Table], Outcome]
"""A rule that takes nothing apart."""

Rules = Mapping[str, Rule]
"""By key; one that ends in `*` is for every key that begins so and has no rule of its own."""


def carried(why: str = "", **values: Any) -> Outcome:
    return Outcome("carried", _keys(values), why)


def changed(why: str, **values: Any) -> Outcome:
    return Outcome("changed", _keys(values), why)


def lost(why: str) -> Outcome:
    return Outcome("lost", why=why)


def refused(why: str) -> Outcome:
    return Outcome("refused", why=why)


def _keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """`data__train` is how a keyword spells `data.train`."""
    return {name.replace("__", "."): value for name, value in values.items()}


def is_off(value: Any) -> bool:
    """Whether a value says that something is not wanted, or nothing at all."""
    if isinstance(value, str):
        return value.strip().lower() in ("", "no", "none", "null", "false", "off")
    return value is None or value is False or value == [] or value == {}


def is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def to(
    key: str,
    same: Mapping[Any, Any] | None = None,
    nearest: Mapping[Any, tuple[Any, str]] | None = None,
    other: tuple[Any, str] | None = None,
) -> Single:
    """It is the setting `key`. Values with the `same` meaning have other names there; of others the `nearest` is taken,
    with the reason; of any `other` that the setting does not take, this one.
    """

    def rule(value: Any, _: Table) -> Outcome:
        name = value if isinstance(value, str | int | float) else None
        if name in (same or {}):
            return Outcome("carried", {key: (same or {})[name]})
        if name in (nearest or {}):
            found, why = (nearest or {})[name]
            return Outcome("changed", {key: found}, why)
        known = next((one.choices for one in settings() if one.key == key), ())
        if other is not None and value not in known:
            return Outcome("changed", {key: other[0]}, other[1])
        return Outcome("carried", {key: value})

    return rule


def claimed(why: str, *names: str) -> Single:
    """It is the setting that says other trainers call it by one of these `names`, where there is one that takes the
    value.
    """

    def rule(value: Any, _: Table) -> Outcome:
        found = next((one for one in settings() if any(name in one.also for name in names)), None)
        if found is not None and _fits(found, value):
            return Outcome("carried", {found.key: value})
        return carried("off") if is_off(value) else lost(why)

    return rule


def own(why: str) -> Single:
    """tuitune does this by itself."""
    return lambda value, _: carried("not asked for") if is_off(value) else changed(why)


def fixed(why: str, *values: Any) -> Single:
    """Here it always has one of these `values`, or is off."""
    return lambda value, _: carried("so it is here") if is_off(value) or value in values else lost(why)


def always(why: str) -> Single:
    """Here it is always on."""
    return lambda value, _: carried("so it is here") if value is True else lost(why)


def missing(why: str) -> Single:
    """tuitune has nothing of the kind."""
    return lambda value, _: carried("off") if is_off(value) else lost(why)


def barred(why: str) -> Single:
    """Without it something else would be trained."""
    return lambda value, _: carried("off") if is_off(value) else refused(why)


def inner(rules: Rules) -> Rule:
    """A table of keys with rules of their own."""

    def rule(value: Any, _: Table) -> dict[str, Outcome]:
        if not isinstance(value, dict):
            raise ValueError(f"expected a table, found {shown(value)}")
        return {
            f".{key}{path}": outcome
            for key, part in value.items()
            for path, outcome in apart(become(key, part, value, rules))
        }

    return rule


def become(key: str, value: Any, table: Table, rules: Rules) -> Outcome | dict[str, Outcome]:
    """What becomes of a key by the rules, or where these do not know it by what settings say other trainers call them.

    ValueError where its value is none that the key can have.
    """
    if value is None or value == {} or value == []:
        return carried("empty")
    rule = rules.get(key) or next((rules[one] for one in rules if one[-1:] == "*" and key.startswith(one[:-1])), None)
    if rule is not None:
        return rule(value, table)
    found = claimed("tuitune has no setting for it", key)(value, table)
    close = get_close_matches(key, rules.keys() - table.keys(), 1, _ALIKE)
    return lost(f"no key of this trainer; did you mean {shown(close[0])}?") if close and not found.settings else found


def _fits(one: Setting, value: Any) -> bool:
    try:
        checked(one, value)
    except ValueError:
        return False
    return True


def apart(outcome: Outcome | dict[str, Outcome]) -> list[tuple[str, Outcome]]:
    """Outcomes by their path below the key: one, or one a part."""
    return [("", outcome)] if isinstance(outcome, Outcome) else list(outcome.items())


def objective(name: str, **values: Any) -> Outcome:
    """The objective called `name`, with settings of its own; refused where tuitune does not train it."""
    if name in TRAINED and TRAINED[name].generates:
        return refused(f"the reward functions of {name} are not read; begin with a recipe of your own: rewards.weights")
    if name in TRAINED:
        return carried(objective__kind=name, **values)
    return refused(f"tuitune does not train {shown(name)} yet; it trains {', '.join(TRAINED)}")


def method(name: str, **values: Any) -> Outcome:
    """The method called `name`, with settings of its own; refused where tuitune does not have it."""
    if (found := METHODS.get(name)) is None:
        return refused(f"tuitune has no method {shown(name)} yet; it has {', '.join(FIRST_CLASS)}, and others of PEFT")
    if found.support.unavailable:
        return refused(f"tuitune does not train {found.title}: {found.support.unavailable}")
    if found.is_tuner:
        remedy = f'set adapter.method = "{name}" and its [adapter.options] in a recipe'
        return refused(f"the options of {found.title} are not carried over yet; {remedy}")
    return carried(adapter__method=name, **values)
