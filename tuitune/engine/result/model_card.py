"""The model card of a result: what it was made from and how, and how good it was measured to be."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import ModelCardData

from tuitune import __version__
from tuitune.engine.load.model import Base
from tuitune.engine.tokens.prepare import Prepared
from tuitune.recipe.schema import Recipe
from tuitune.runs.read.usage import snippet
from tuitune.text import clean, redact
from tuitune.units import count_text

_LIBRARIES = ("torch", "transformers", "trl", "peft", "bitsandbytes", "datasets")


def model_card(
    recipe: Recipe, base: Base, data: Prepared, figures: dict[str, float], steps: int, *, complete: bool
) -> str:
    """The text of README.md. `figures` holds the perplexities measured, by label (base, during, tuned)."""
    method = recipe.method
    front = ModelCardData(
        base_model=_short(recipe.model.id),
        library_name=method.result.library,
        pipeline_tag="text-generation",
        tags=["tuitune", recipe.objective.kind, *method.tags],
    )
    lines = [
        f"# {recipe.run.name}",
        f"{method.made} {_code(_short(recipe.model.id))}, made with tuitune {__version__}.",
        *([recipe.run.notes] if recipe.run.notes else []),
        *([] if complete else ["Training was stopped before its end."]),
        "## Use",
        _usage(recipe, base),
        "## Training",
        _table(_settings(recipe, base, data, steps)),
        "## Held-out perplexity",
        _perplexity(figures, data),
        "## Limits",
        "It inherits the faults and the licence of its base model, and the bias of its data. Perplexity says how sure "
        "the model is of held-out rows, not whether what it says is true. Nothing else was evaluated here.",
        "## Versions",
        _table({name: version(name) for name in _LIBRARIES}),
    ]
    return redact(f"---\n{front.to_yaml()}\n---\n\n" + "\n\n".join(lines) + "\n")


def _short(name: str) -> str:
    """A Hub id or bundled name as it is; of a path its last part, of an address what comes before its query."""
    if "://" in name:
        return clean(urlsplit(name)._replace(query="", fragment="").geturl())
    return clean(Path(name).name if Path(name).exists() else name)


def _code(text: str) -> str:
    """A name as Markdown shows it letter for letter: between more backticks than stand together in it (CommonMark)."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    room = " " if text.strip(" `") != text else ""
    return f"{fence}{room}{text}{room}{fence}"


def _usage(recipe: Recipe, base: Base) -> str:
    result = recipe.method.result
    needed = ["transformers", "accelerate", *result.packages]
    needed += ["bitsandbytes"] if recipe.quantization.bits != 16 else []
    text = snippet(".", recipe.model_dump(mode="json"), result, chat=bool(base.tokenizer.chat_template))
    return f"`pip install {' '.join(needed)}`, then in the folder of this card:\n\n```python\n{text}```"


def _settings(recipe: Recipe, base: Base, data: Prepared, steps: int) -> dict[str, str]:
    training, adapter = recipe.training, recipe.adapter
    settings = {
        "data": f"{_code(_short(recipe.data.train))}, {data.train_rows:,} rows, {count_text(data.train_tokens)} tokens",
        "learned from": {"assistant": "the assistant's turns", "completion": "the last answer", "all": "every token"}[
            recipe.data.loss_on
        ],
        "steps": f"{steps:,} of {training.batch_size} × {training.accumulation} rows",
        "max length": f"{recipe.data.max_length} tokens"
        + (", packed" if "seq_lengths" in data.train.column_names else ""),
        "learning rate": f"{training.learning_rate:g}, {training.schedule}, {training.optimizer}",
        "base weights": f"{recipe.quantization.bits}-bit"
        if recipe.quantization.bits != 16
        else str(base.model.dtype).removeprefix("torch."),
        "seed": str(recipe.run.seed),
    }
    if base.commit:
        settings["base revision"] = base.commit
    targets = adapter.targets if isinstance(adapter.targets, str) else ", ".join(adapter.targets)
    if made_of := recipe.method.recorded(adapter, targets):
        settings["adapter"] = made_of
    return settings


def _perplexity(figures: dict[str, float], data: Prepared) -> str:
    if not figures:
        return "Not evaluated."
    names = {"base": "base model", "tuned" if "tuned" in figures else "during": "tuned model"}
    rows = {names[label]: f"{value:.4g}" for label, value in figures.items() if label in names}
    return f"On {data.held_out_count:,} rows never trained on, weighted by tokens; lower is better.\n\n{_table(rows)}"


def _table(rows: dict[str, str]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {_cell(name)} | {_cell(value)} |" for name, value in rows.items())])


def _cell(text: str) -> str:
    return redact(text).replace("|", "\\|").replace("\n", " ")
