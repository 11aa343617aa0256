"""`tuitune forecast`: the memory that a recipe needs, held against cards that need not be in this machine."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tuitune.cli.arguments import Parser
from tuitune.cli.exit_codes import Exit
from tuitune.cli.output import complain, say, say_json, say_pairs, say_table
from tuitune.problem import Problem, TuituneError
from tuitune.units import bytes_text, percent_text

if TYPE_CHECKING:
    from tuitune.hardware.cards import Card
    from tuitune.planning.checks.card import CardFit
    from tuitune.planning.checks.model import ModelCheck
    from tuitune.recipe.schema import Recipe


def card_names(prefix: str = "", **_parsed: object) -> Mapping[str, str]:
    """Every card of the catalogue."""
    from tuitune.hardware.cards import cards

    return {card.name: f"{card.memory_gib:g} GiB" for card in cards()}


def arguments(parser: Parser) -> None:
    parser.take("recipe", "--set", "--json")
    about = "hold it against this card alone (`tuitune gpus --cards` lists them)"
    parser.add_argument("--card", metavar="NAME", help=about, completer=card_names)


def forecast(options: argparse.Namespace) -> int:
    """Exits 1 where the model is not known well enough for a forecast, 2 where recipe, model or card are refused."""
    from tuitune.cli.launching import given_recipe
    from tuitune.hardware.cards import cards
    from tuitune.planning.checks.card import on_card

    catalogue = cards()
    complain(catalogue.problems)
    chosen = [_named(options.card)] if options.card is not None else list(catalogue)
    recipe = given_recipe(options)
    model = _model(recipe)
    fits = [fit for card in chosen if model.facts and (fit := on_card(card, recipe, model.facts))]
    if not fits:
        told = model.remote.unknown if model.remote else "the model is not available"
        known = "it is not known for " + (recipe.method.title if recipe.method.is_tuner else "this architecture")
        reason = told if model.facts is None else known
        complain([f"the memory of this run cannot be forecast: {reason}"])
        return Exit.FAILED
    alone = fits[0] if options.card is not None else None
    if options.json:
        say_json(_document(fits, alone, model))
    else:
        _say(fits, alone, model)
    return Exit.DONE


def _named(name: str) -> Card:
    import difflib

    from tuitune.hardware.cards import FILE, cards
    from tuitune.paths import config_home
    from tuitune.text import clean

    catalogue = cards()
    if card := catalogue.find(name):
        return card
    names = [card.name for card in catalogue]
    near = difflib.get_close_matches(name, names, n=1)
    guess = f" (did you mean {near[0]}?)" if near else ""
    remedy = f"there are {', '.join(names)}; {config_home() / FILE} can have others"
    raise TuituneError(Problem("--card", f"no card {clean(name, limit=60)!r}{guess}; {remedy}"))


def _model(recipe: Recipe) -> ModelCheck:
    """The model; TuituneError where it cannot be trained, save that it cannot be downloaded here."""
    from tuitune.planning.checks.model import check_model
    from tuitune.planning.checks.remote import ask

    model = check_model(recipe, Path.cwd(), ask)
    if model.errors and not model.listed:
        raise TuituneError(model.errors)
    return model


def _document(fits: list[CardFit], alone: CardFit | None, model: ModelCheck) -> dict[str, Any]:
    """The keys of `--json`: those of one card, null for all of them, and each under `cards`."""
    each = [
        {
            "card": fit.card.name,
            "total": fit.forecast.total,
            "free": fit.free,
            "fits": fit.state in ("fits", "tight"),
            "state": fit.state,
            "reason": fit.refused,
            "price_per_hour": fit.card.price_per_hour,
        }
        for fit in fits
    ]
    one = each[0] if alone else dict.fromkeys(("card", "free", "fits"))
    expected = (alone or _modern(fits)).forecast
    return {
        "level": "formula",
        "parts": expected.parts,
        "total": expected.total,
        "card": one["card"],
        "free": one["free"],
        "fits": one["fits"],
        "seconds": None,
        "cost": None,
        "assumptions": _assumptions(alone or _modern(fits), model),
        "cards": each,
    }


def _modern(fits: list[CardFit]) -> CardFit:
    """One of the cards with bfloat16, or any where there is none: what is told of no card in particular."""
    return next((fit for fit in fits if fit.forecast.modern), fits[0])


def _assumptions(fit: CardFit, model: ModelCheck) -> list[str]:
    from tuitune.planning.checks.model import LISTED

    return [*([LISTED] if model.listed else []), *fit.forecast.assumptions]


def _say(fits: list[CardFit], alone: CardFit | None, model: ModelCheck) -> None:
    shown = alone or _modern(fits)
    parts = " + ".join(f"{name} {bytes_text(size)}" for name, size in shown.forecast.parts.items() if size)
    say_pairs([("memory", f"about {bytes_text(shown.forecast.total)}: {parts}")])
    say_pairs(("assumes", text) for text in _assumptions(shown, model))
    if alone:
        say(f"{alone.card.name}: {_verdict(alone)}")
        return
    rows = [
        (
            fit.card.name,
            bytes_text(fit.free),
            bytes_text(fit.forecast.total),
            fit.state,
            f"{fit.card.price_per_hour:g}" if fit.card.price_per_hour else "–",
            fit.refused,
        )
        for fit in fits
    ]
    say_table(("CARD", "FREE", "NEEDS", "VERDICT", "PRICE/H", ""), rows, right=(1, 2, 4))


def _verdict(fit: CardFit) -> str:
    if fit.refused:
        return f"refused: {fit.refused}"
    share = percent_text(fit.forecast.total / fit.free)
    return f"{fit.state}: {share} of the {bytes_text(fit.free)} that an empty one has free"
