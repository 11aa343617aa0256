"""Configurations of other trainers that become recipes: the share of a folder's, and why the others do not.

`python benchmarks/import_examples.py FOLDER …` reads every YAML and JSON file below the folders that `tuitune import`
takes for a configuration of LoRA or QLoRA. Run it where their data sets are named from, or above.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tuitune.problem import TuituneError
from tuitune.recipe.importing.documents import read
from tuitune.recipe.importing.origins import import_file

LORA = {"adapter": ("lora", "qlora"), "finetuning_type": ("lora",), "peft_type": ("LORA",)}


def is_lora(values: Any) -> bool:
    nested = values.get("peft_config")
    named = nested.get("name") if isinstance(nested, dict) else None
    return named == "lora" or any(values.get(key) in names for key, names in LORA.items())


def reason(path: Path) -> str:
    """Why no recipe comes of a file, by its first key that is refused; "" where one does."""
    try:
        found = import_file(path)
    except TuituneError as error:
        return f"unreadable: {error.problems[0].message}"
    return found.problems[0].message if found.recipe is None else ""


def main(folders: list[str]) -> None:
    if not folders:
        print("name folders with configurations")
        return
    reasons: Counter[str] = Counter()
    for folder in folders:
        for path in sorted(one for one in Path(folder).rglob("*") if one.suffix in (".yml", ".yaml", ".json")):
            try:
                wanted = is_lora(read(path).values)
            except TuituneError:
                continue
            if wanted:
                reasons[reason(path)] += 1
    total, valid = reasons.total(), reasons.pop("", 0)
    print(f"{valid} of {total} become a recipe ({valid / max(total, 1):.1%})")
    for why, count in reasons.most_common():
        print(f"{count:4}  {why}")


if __name__ == "__main__":
    main(sys.argv[1:])
