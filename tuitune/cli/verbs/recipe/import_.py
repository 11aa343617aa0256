"""`tuitune import`: a configuration of another trainer read into a recipe, with an account of every key of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuitune.cli.arguments import Parser
from tuitune.cli.completion import trainers
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import Pairs, complain, note, say, say_json, say_pairs
from tuitune.cli.verbs.recipe.writing import run_name, write, writing_arguments

if TYPE_CHECKING:
    from tuitune.recipe.importing.imported import Imported, KeyAccount

_MOST_SHOWN = 60


def arguments(parser: Parser) -> None:
    about = "an Axolotl or LLaMA-Factory configuration, or an adapter_config.json of PEFT"
    parser.add_argument("file", metavar="FILE", help=about)
    about = f"the trainer that it is for, where its keys do not tell: {', '.join(trainers())}"
    parser.add_argument("--from", dest="trainer", metavar="TRAINER", choices=[*trainers()], help=about)
    parser.take("--set", "--json")
    writing_arguments(parser, required=False)


def import_(options: argparse.Namespace) -> int:
    from tuitune.recipe.importing.origins import import_file

    output = options.output or ""
    name = run_name(output) or run_name(options.file)
    found = import_file(Path(options.file), options.trainer or "", options.overrides, name)
    if options.json:
        say_json(_document(found))
    elif output != "-" or found.recipe is None:
        _say(found)
    else:
        note(f"{len(found.of('changed'))} keys changed, {len(found.of('lost'))} cannot be: -o FILE lists them")
    if found.recipe is None:
        complain(found.problems)
        return Exit.REFUSED
    if output and not (options.json and output == "-"):
        write(found.recipe, output, force=options.force)
    elif not options.json:
        note("-o FILE writes the recipe")
    return Exit.DONE


def _say(found: Imported) -> None:
    """The account: what is the same, what is another, what cannot be, and what the trainer does untold."""
    same, other = found.of("carried"), found.of("changed")
    sections = {
        "carried over": _pairs(one for one in same if one.outcome.settings),
        f"as {found.origin.title} does where it is not told": [
            (key, _value(one)) for key, one in found.defaults.items()
        ],
        "changed": _pairs(one for one in other if one.outcome.settings),
        "done by tuitune itself": _reasons(one for one in other if not one.outcome.settings),
        "cannot be": _reasons(found.of("lost", "refused")),
        "off, empty, or as it is here": [(one.key, one.outcome.why) for one in same if not one.outcome.settings],
    }
    for title, pairs in sections.items():
        if pairs:
            say(f"{title}:")
            say_pairs((f"  {label}", text) for label, text in pairs)
            say("")


def _reasons(entries: Iterable[KeyAccount]) -> Pairs:
    """Keys with their reason, which stands once where several in a row have the same."""
    pairs: Pairs = []
    before = None
    for one in entries:
        pairs.append((one.key, "the same" if one.outcome.why == before else one.outcome.why))
        before = one.outcome.why
    return pairs


def _pairs(entries: Iterable[KeyAccount]) -> Pairs:
    return [(one.key, "; ".join(filter(None, (_set(one.outcome.settings), one.outcome.why)))) for one in entries]


def _set(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} = {_value(value)}" for key, value in settings.items())


def _value(value: Any) -> str:
    from tuitune.recipe.values import toml_text
    from tuitune.text import clean, redact

    return clean(redact(toml_text("" if value is None else value)), limit=_MOST_SHOWN)


def _document(found: Imported) -> dict[str, Any]:
    return {
        "from": found.origin.name,
        "recipe": found.recipe.model_dump(mode="json") if found.recipe else None,
        "errors": [{"key": problem.key, "message": problem.message} for problem in found.problems],
        "carried": [_entry(one) for one in found.of("carried")],
        "changed": [_entry(one) for one in found.of("changed")],
        "cannot_be": [_entry(one) for one in found.of("lost", "refused")],
        "defaults": found.defaults,
    }


def _entry(one: KeyAccount) -> dict[str, Any]:
    settings, why = dict(one.outcome.settings), one.outcome.why
    return {"key": one.key, "place": one.place, "value": one.value, "settings": settings, "reason": why}
