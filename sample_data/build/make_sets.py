"""Write the data sets, each with a held-out split: python sample_data/build/make_sets.py [--out DIR]."""

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import compose_alpaca
import compose_feedback
import compose_preferences
import compose_prose
import compose_style
import compose_tasks
import compose_triage

HERE = Path(__file__).resolve().parent.parent


class Recipe(NamedTuple):
    """How one set is made: who composes a row, what makes a row unique, how many rows, and the file ending."""

    compose: Callable[[random.Random], dict]
    key: Callable[[dict], str]
    train: int
    heldout: int
    ending: str


def _asked(row: dict) -> str:
    return row["messages"][0]["content"]


def _prompt(row: dict) -> str:
    return row["prompt"]


SETS = {
    "triage": Recipe(compose_triage.row, _asked, 1600, 160, "jsonl"),
    "style": Recipe(compose_style.row, _asked, 800, 100, "jsonl"),
    "alpaca": Recipe(compose_alpaca.row, lambda row: f"{row['instruction']}\n{row['input']}", 800, 100, "json"),
    "preferences": Recipe(compose_preferences.row, _prompt, 600, 100, "jsonl"),
    "feedback": Recipe(compose_feedback.row, _prompt, 600, 100, "jsonl"),
    "prose": Recipe(compose_prose.row, lambda row: row["text"], 500, 50, "jsonl"),
    "tasks": Recipe(compose_tasks.row, _prompt, 800, 100, "jsonl"),
}


def compose(name: str) -> dict[str, list[dict]]:
    """The train and held-out rows of a set; no row asks what another one asks, whatever the case or the last mark."""
    recipe = SETS[name]
    rng = random.Random(f"tuitune {name}")
    rows: dict[str, dict] = {}
    while len(rows) < recipe.train + recipe.heldout:
        row = recipe.compose(rng)
        rows.setdefault(recipe.key(row).lower().rstrip("?.! \n"), row)
    ordered = list(rows.values())
    rng.shuffle(ordered)
    return {"train": ordered[: recipe.train], "heldout": ordered[recipe.train :]}


def render(rows: list[dict], ending: str) -> str:
    """The rows as text: one JSON object per line, or one readable array."""
    if ending == "json":
        return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write(out: Path) -> None:
    """Write every split of every set under the folder."""
    for name, recipe in SETS.items():
        for split, rows in compose(name).items():
            path = out / name / f"{split}.{recipe.ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(render(rows, recipe.ending), encoding="utf-8", newline="\n")
            print(f"{path}: {len(rows)} rows")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="the folder to write to (default: sample_data)")
    write(parser.parse_args().out)
