"""The model card of a result: what it was made from and how, and how good it was measured to be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import ModelCardData

from tuitune import __version__
from tuitune.engine.evaluation.evaluate import HeldOutLoss
from tuitune.engine.load.model import Base
from tuitune.engine.tokens.prepare import Prepared
from tuitune.objectives import METRICS
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting
from tuitune.rewards import REWARDS
from tuitune.runs.read.usage import snippet
from tuitune.text import clean, redact
from tuitune.units import count_text

_REWARD = "reward"
"""The figure of what the model's own answers are worth."""

_LIBRARIES = ("torch", "transformers", "trl", "peft", "bitsandbytes", "datasets")


def model_card(
    recipe: Recipe, base: Base, data: Prepared, held_out: Mapping[str, HeldOutLoss], steps: int, *, complete: bool
) -> str:
    """The text of README.md. `held_out` is what was measured on held-out rows, by label (base, during, tuned)."""
    method = recipe.method
    front = ModelCardData(
        base_model=_short(recipe.model.id),
        library_name=method.result.library,
        pipeline_tag="text-classification" if recipe.optimises.scores else "text-generation",
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
        "## Held-out rows",
        _evaluation(held_out),
        "## Limits",
        f"It inherits the faults and the licence of its base model, and the bias of its data. {_told(held_out)}Nothing "
        "else was evaluated here.",
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
    tables, dtype = recipe.model_dump(mode="json"), _format(base)
    text = snippet(".", tables, result, dtype=dtype, template=bool(base.tokenizer.chat_template))
    return f"`pip install {' '.join(needed)}`, then in the folder of this card:\n\n```python\n{text}```"


def _format(base: Base) -> str:
    return str(base.model.dtype).removeprefix("torch.")


def _settings(recipe: Recipe, base: Base, data: Prepared, steps: int) -> dict[str, str]:
    training, adapter = recipe.training, recipe.adapter
    settings = {
        "data": f"{_code(_short(recipe.data.train))}, {data.train_rows:,} rows, {count_text(data.train_tokens)} tokens",
        **_objective(recipe),
        "steps": f"{steps:,} of {training.batch_size} × {training.accumulation} {_counted(recipe)}",
        "max length": f"{recipe.data.max_length} tokens"
        + (", packed" if "seq_lengths" in data.train.column_names else ""),
        "learning rate": f"{training.learning_rate:g}, {training.schedule}, {training.optimizer}",
        "base weights": f"{recipe.quantization.bits}-bit" if recipe.quantization.bits != 16 else _format(base),
        "seed": str(recipe.run.seed),
    }
    if base.commit:
        settings["base revision"] = base.commit
    targets = adapter.targets if isinstance(adapter.targets, str) else ", ".join(adapter.targets)
    if made_of := recipe.method.recorded(adapter, targets):
        settings["trained" if recipe.method.trains_base else "adapter"] = made_of
    return settings


def _objective(recipe: Recipe) -> dict[str, str]:
    """What is optimised: on which tokens, or by which settings of its own."""
    objective = recipe.optimises
    if objective.reads("data.loss_on"):
        learned = {"assistant": "the assistant's turns", "completion": "the last answer", "all": "every token"}
        return {"learned from": learned[recipe.data.loss_on]}
    own = (setting(key) for key in sorted(objective.settings) if key.startswith("objective."))
    values = {one.title: recipe.beta if one.key == "objective.beta" else one.of(recipe) for one in own}
    said = [f"{title} {value}" for title, value in values.items() if value]
    found = {"objective": ", ".join([objective.title, *said])}
    if objective.generates:
        weights = recipe.rewards.weights.items()
        found["rewards"] = ", ".join(f"{name} × {weight:g}: {REWARDS[name].gives}" for name, weight in weights)
    return found


def _counted(recipe: Recipe) -> str:
    """What the batches of a step are made of."""
    return f"answers, {recipe.objective.generations} to a prompt" if recipe.optimises.generates else "rows"


def _evaluation(held_out: Mapping[str, HeldOutLoss]) -> str:
    """The figures of the base and of the result, beside each other."""
    names = {"base": "base model", "tuned" if "tuned" in held_out else "during": "tuned model"}
    columns = {names[label]: _figures(found) for label, found in held_out.items() if label in names}
    if not columns:
        return "Not evaluated."
    kinds = dict.fromkeys(kind for column in columns.values() for kind in column)
    table = [[kind, *(column.get(kind, "") for column in columns.values())] for kind in kinds]
    lines = [["", *columns], ["---"] * (1 + len(columns)), *([_cell(text) for text in row] for row in table)]
    text = "\n".join(f"| {' | '.join(row)} |" for row in lines)
    return f"On {[*held_out.values()][-1].rows:,} rows never trained on.\n\n{text}"


def _figures(found: HeldOutLoss) -> dict[str, str]:
    if found.perplexity is not None:
        return {"perplexity, weighted by tokens (lower is better)": f"{found.perplexity:.4g}"}
    better = {"higher": " (higher is better)", "lower": " (lower is better)", "": ""}
    own = [METRICS[key] for key in found.figures]
    told = {f"{one.title}{better[one.better]}": one.shown(found.figures[one.key]) for one in own}
    return told if _REWARD in found.figures else {"loss (lower is better)": f"{found.loss:.4g}", **told}


def _told(held_out: Mapping[str, HeldOutLoss]) -> str:
    """What the figures do not say."""
    if any(found.perplexity is not None for found in held_out.values()):
        return "Perplexity says how sure the model is of held-out rows, not whether what it says is true. "
    if any(_REWARD in found.figures for found in held_out.values()):
        return "A reward says what was measured of its likeliest answers, not whether they are good. "
    return "The figures say what the model prefers on held-out rows, not whether it is right. " if held_out else ""


def _table(rows: dict[str, str]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {_cell(name)} | {_cell(value)} |" for name, value in rows.items())])


def _cell(text: str) -> str:
    return redact(text).replace("|", "\\|").replace("\n", " ")
