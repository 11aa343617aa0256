"""A model card beside an adapter: its front matter, and the hyperparameters that transformers' Trainer lists."""

from __future__ import annotations

import re
from itertools import takewhile
from pathlib import Path
from typing import Any

from tuitune.hardware.models import looks_like_hub_id
from tuitune.recipe.importing import common
from tuitune.recipe.importing.documents import Document, of_yaml, text_of
from tuitune.recipe.importing.origin import Part
from tuitune.recipe.importing.outcomes import Outcome, Rules, Table, carried, changed, fixed, lost, own, to
from tuitune.recipe.values import shown

_LARGEST = 4 << 20
_HEADING = "### Training hyperparameters"
_ITEM = re.compile(r"- (\w+): (.+)")
_OPTIMIZER = re.compile(r"(?:Use )?(?:OptimizerNames\.)?(\w+)")
_USUAL_BETAS = "betas=(0.9,0.999)"


def parts_of(card: Path, *, arguments: bool) -> list[Part]:
    """What a card says: of the data, and of the training unless its `arguments` are known."""
    text = text_of(card, _LARGEST)
    front = [Part(found, _FRONT)] if (found := _front_matter(card, text)) else []
    listed = _listed(card, text)
    return front if arguments or not listed.values else [*front, Part(listed, _LISTED)]


def _front_matter(card: Path, text: str) -> Document | None:
    """The YAML between the first two lines of dashes."""
    opening, _, rest = text.partition("\n")
    if opening.strip() != "---" or "\n---" not in rest:
        return None
    return of_yaml(card, rest[: rest.index("\n---")], 2)


def _listed(card: Path, text: str) -> Document:
    """The items below the heading of the hyperparameters."""
    lines = list(enumerate(text.splitlines(), 1))
    start = next((number for number, line in lines if line.strip() == _HEADING), len(lines))
    below = takewhile(lambda one: not one[1].startswith("#"), lines[start:])
    items = [(number, found) for number, line in below if (found := _ITEM.fullmatch(line.strip()))]
    values = {found[1]: _plain(found[2]) for _, found in items}
    return Document(card, values, {found[1]: number for number, found in items})


def _plain(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _data(value: Any, _: Table) -> Outcome | dict[str, Outcome]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"expected names of data sets, found {shown(value)}")
    if not looks_like_hub_id(names[0]):
        return lost("no data set of the Hub has such a name")
    if len(names) == 1:
        return carried(data__train=names[0])
    others = {f"[{place}]": lost("the card does not say how much of it") for place in range(1, len(names))}
    return {"[0]": changed("the first of them", data__train=names[0]), **others}


def _optimizer(value: Any, table: Table) -> Outcome:
    """`Use adamw_torch with betas=(0.9,0.999) and epsilon=1e-08 …`; older cards have the name of a constant."""
    found = _OPTIMIZER.match(str(value))
    outcome = common.optimizer(found[1].lower() if found else "", table)
    if "betas=" in str(value) and _USUAL_BETAS not in str(value):
        return Outcome("changed", outcome.settings, f"{common.ADAM}, and it had others")
    return outcome


def _warm_up(value: Any, table: Table) -> Outcome:
    return common.warm_up_steps(value, {"max_steps": table.get("training_steps")})


_LISTED: Rules = {
    "learning_rate": to("training.learning_rate"),
    "train_batch_size": to("training.batch_size"),
    "gradient_accumulation_steps": to("training.accumulation"),
    "total_train_batch_size": own("batch size × accumulation, and × the devices that there were"),
    "eval_batch_size": own("tuitune evaluates with the batch size of training"),
    "total_eval_batch_size": own("tuitune evaluates with the batch size of training"),
    "seed": to("run.seed"),
    "optimizer": _optimizer,
    "lr_scheduler_type": common.schedule,
    "lr_scheduler_warmup_ratio": to("training.warmup_ratio"),
    "lr_scheduler_warmup_steps": _warm_up,
    "num_epochs": to("training.epochs"),
    "training_steps": to("training.max_steps"),
    "mixed_precision_training": own("tuitune picks the format by the GPU"),
    "label_smoothing_factor": fixed("tuitune does not smooth labels", 0),
    "distributed_type": own("tuitune trains on one device"),
    "num_devices": fixed(common.ONE_DEVICE, 1),
}

_FRONT: Rules = {
    "base_model": own("adapter_config.json says it"),
    "datasets": _data,
    "*": own("what the card says of the result, not how it was trained"),
}
