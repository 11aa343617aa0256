"""docs/methods.md, held against the libraries: every method is trained in every circumstance by the engine itself,
which knows no rule of the recipe, and the page says what was seen.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
from safetensors import safe_open
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from tests.engine.methods.small import WORKING, evaluated, has_learned, small
from tests.engine.support import Carry, Outcome, write_rows
from tests.engine.test_combinations import ROWS as OTHERS
from tuitune.engine import train
from tuitune.engine.load.attention import separates_documents
from tuitune.engine.methods import adapt
from tuitune.engine.objectives.trainer import ObjectiveTrainer
from tuitune.methods import METHODS, Method
from tuitune.objectives import TRAINED
from tuitune.recipe import rules
from tuitune.recipe.schema import Recipe
from tuitune.runs.store.directory import read_recipe

PAGE = Path(__file__).parents[3] / "docs" / "methods.md"
IN_PEFT = {"prompt_tuning": "prompt", "prefix_tuning": "prefix", "p_tuning": "ptuning"}
"""The tuners that a recipe calls otherwise than PEFT."""

LENGTH = {
    "training__max_steps": 4, "training__learning_rate": 0.01, "training__warmup_ratio": 0.0, "data__eval": 0.2,
}  # fmt: skip
BETA = 0.1


def rated_answer(number: int) -> dict[str, Any]:
    good = number % 2 == 0
    answer = f"Order {number} is late." if good else "No."
    return {"prompt": f"Where is order {number}?", "completion": answer, "label": good}


def prompt(number: int) -> dict[str, Any]:
    return {"prompt": f"Where is order {number}?", "answer": "late"}


OF_TEACHING = {kind: OTHERS[one.learns_from[0]] for kind, one in TRAINED.items() if one.learns_from[0] in OTHERS}
ROWS = {**OF_TEACHING, "kto": rated_answer, "grpo": prompt, "rloo": prompt}
"""As where settings are tried together, but for labels that can be learned in a few steps."""

REWARDED = {
    "objective__generations": 4, "objective__answer_length": 8, "objective__kl": 0.05, "training__batch_size": 4,
    "data__max_length": 48, "rewards__weights": {"pattern": 1.0}, "rewards__pattern": "(?s).*[a-m].*",
}  # fmt: skip
"""A reward that some answers of a random model get."""

Measured = tuple[dict[str, Tensor], dict[str, float]]
"""A batch of held-out rows, and what a trainer of trl says of it."""


@pytest.fixture
def put(carried: Carry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Trains a method by its name for four steps, for an objective; keywords are recipe keys with `__` for the dot."""
    monkeypatch.setattr(rules, "misfits", lambda recipe: {})
    monkeypatch.setattr(Recipe, "recomputes", property(lambda recipe: recipe.training.gradient_checkpointing))
    data = {kind: str(write_rows(tmp_path / f"{kind}.jsonl", list(map(row, range(40))))) for kind, row in ROWS.items()}

    def run(name: str, objective: str = "sft", **more: Any) -> Outcome:
        adapter = {f"adapter__{key}": value for key, value in small(name).items()}
        wanted = {"objective__kind": objective, "data__train": data[objective], "data__packing": False}
        rewarded = REWARDED if TRAINED[objective].generates else {}
        return carried(**{**LENGTH, **adapter, **wanted, **rewarded, **evaluated(name), **more})

    return run


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Measured]:
    """What trainers of trl measure from now on."""
    found: list[Measured] = []
    measure = ObjectiveTrainer.measured_by_trl

    def spy(self: Any, batch: dict[str, Tensor]) -> dict[str, float]:
        found.append((batch, measure(self, batch)))
        return found[-1][1]

    monkeypatch.setattr(ObjectiveTrainer, "measured_by_trl", spy)
    return found


def losses(outcome: Outcome) -> dict[str, float]:
    return {record["label"]: record["loss"] for record in outcome.records("eval")}


def works(outcome: Outcome, plain: Outcome, method: Method) -> bool:
    """Whether a run measures the base, begins with its loss as plain LoRA does, learns, and its result is what was
    trained.
    """
    if outcome.code != 0:
        return False
    found, recipe = losses(outcome), read_recipe(outcome.run)
    near, same = (2e-3, 1e-2) if recipe.training.precision == "bf16" else (5e-5, 1e-3)
    begins = bool(method.starts(recipe.adapter)) or outcome.losses[0] == pytest.approx(plain.losses[0], abs=near)
    begins &= found["base"] == pytest.approx(losses(plain)["base"], abs=near)
    return begins and has_learned(outcome, method.name) and outcome.records("artefact")[0]["reload_difference"] < same


def test_every_tuner_of_peft_is_a_method() -> None:
    """Those that train and those that do not: a release that brings another one is noticed here."""
    names = {str(getattr(one, "value", one)).lower() for one in PEFT_TYPE_TO_CONFIG_MAPPING}
    assert {IN_PEFT.get(name, name) for name in names} == METHODS.keys() - {"none"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in WORKING if name != "none"])
def test_a_method_goes_with_what_the_page_says(
    put: Callable[..., Outcome], name: str, measured: list[Measured], monkeypatch: pytest.MonkeyPatch
) -> None:
    method, other, kept = METHODS[name], put("lora"), put(name)
    assert works(kept, other, method), kept.reason
    assert name == "lora" or kept.losses[1:] != other.losses[1:], "it does what plain LoRA does"
    seen = {"packing": packs(put, name, monkeypatch), "merge": merges(kept)}
    for bits in (16, 8, 4):
        pairs = [
            [put(one, quantization__bits=bits, training__precision=precision) for one in (name, "lora")]
            for precision in ("fp32", "bf16")
        ]
        seen[f"{bits} bits"] = all(works(one, lora, method) for one, lora in pairs)
    assert seen.pop("16 bits")
    recomputed = put(name, training__gradient_checkpointing=True)
    seen["checkpointing"] = recomputed.losses == pytest.approx(kept.losses, rel=1e-5)
    for kind in TRAINED.keys() & ROWS.keys():
        untried = TRAINED[kind].generates and method.support.generating
        if kind != "sft" and not untried:
            measured.clear()
            seen[kind] = learns(put(name, kind, training__max_steps=8), measured)
    assert seen == {what: told == "yes" for what, told in row_of(name).items() if what in seen}


def row_of(name: str) -> dict[str, str]:
    """What docs/methods.md says of a method, by the titles of its columns."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    titles = next(cells for cells in rows if "merge" in cells)
    return next(dict(zip(titles, cells, strict=True)) for cells in rows if cells[0] == f"`{name}`")


def packs(put: Callable[..., Outcome], name: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether rows of several documents keep these apart on the adapted model, away from where it begins."""
    apart: list[str | None] = []

    def asked(base: Any, recipe: Recipe, total: int) -> Any:
        adapted = adapt(base, recipe, total)
        if base.flat:
            with Moved(adapted.model):
                apart.append(separates_documents(adapted.model))
        return adapted

    with monkeypatch.context() as patch:
        patch.setattr(train, "adapt", asked)
        patch.setattr(Recipe, "flattens", property(lambda recipe: recipe.optimises.packs))
        return put(name, data__packing=True).code == 0 and apart == [None]


class Moved:
    """Weights away from where they begin, within: most adapters begin with nothing, which any test would pass."""

    def __init__(self, model: Any) -> None:
        self._weights = [weight for weight in model.parameters() if weight.requires_grad]

    def __enter__(self) -> None:
        self._kept = [weight.detach().clone() for weight in self._weights]
        with torch.no_grad():
            for number, weight in enumerate(self._weights):
                noise = torch.randn(weight.shape, generator=torch.Generator().manual_seed(number))
                weight.add_(noise.to(weight) * 0.05)

    def __exit__(self, *_: object) -> None:
        with torch.no_grad():
            for weight, kept in zip(self._weights, self._kept, strict=True):
                weight.copy_(kept)


def merges(outcome: Outcome) -> bool:
    """Whether the result becomes a part of the base's weights with the same logits."""
    ids = torch.arange(32)[None]
    base = AutoModelForCausalLM.from_pretrained(read_recipe(outcome.run).model.id, dtype=torch.float32)
    tuned = PeftModel.from_pretrained(base, outcome.run.adapter)
    try:
        with torch.no_grad():
            before = tuned(input_ids=ids).logits
            after = tuned.merge_and_unload()(input_ids=ids).logits
    except (AttributeError, NotImplementedError, ValueError, RuntimeError):
        return False
    return bool((before[:, -32:] - after).abs().max() < 1e-3)


def learns(outcome: Outcome, measured: list[Measured]) -> bool:
    """Whether held-out rows got better, and the result says the same of each answer alone as the trainer did of all.

    Where it learns from answers of its own: whether it begins with the reference, and has moved away from it.
    """
    if outcome.code != 0:
        return False
    if read_recipe(outcome.run).optimises.generates:
        apart = [record["kl"] for record in outcome.records("step")]
        return abs(apart[0]) < 1e-7 < max(apart) and outcome.records("artefact")[0]["reload_difference"] < 1e-3
    recipe = read_recipe(outcome.run)
    if not has_learned(outcome, recipe.adapter.method):
        return False
    if not measured:
        return True
    batch, told = measured[-1]
    texts = [ids[mask.bool()] for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)]
    folder, half = outcome.run.adapter, len(texts) // 2
    model = recipe.model.id
    if recipe.optimises.scores:
        scorer = AutoModelForSequenceClassification.from_pretrained(model, num_labels=1, dtype=torch.float32)
        scores = by_each(PeftModel.from_pretrained(scorer, folder), texts, lambda logits, at: logits.flatten()[-1])
        with safe_open(folder / "adapter_model.safetensors", "pt") as file:
            has_head = any("score" in key for key in file.keys())  # noqa: SIM118 - no mapping
        return has_head and abs((scores[:half] - scores[half:]).mean().item() - told["margin"]) < 1e-4

    def answered(logits: Tensor, at: int) -> Tensor:
        learned = batch["completion_mask"][at][batch["attention_mask"][at].bool()][1:].bool()
        found = logits[0, -len(texts[at]) : -1].log_softmax(-1).gather(-1, texts[at][1:, None]).squeeze(-1)
        return found[learned].sum()

    base = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32)
    before = by_each(base, texts, answered)
    after = by_each(PeftModel.from_pretrained(base, folder), texts, answered)
    if not recipe.optimises.compares:
        return abs((after / batch["completion_mask"].sum(dim=1))[:half].mean().item() + told["nll_loss"]) < 1e-4
    gained = BETA * (after - before)
    good = batch["label"] if "label" in batch else torch.arange(len(texts)) < half
    said = {"rewards/chosen": gained[good], "rewards/rejected": gained[~good]}
    return all(abs(said[key].mean().item() - told[key]) < 1e-4 for key in said.keys() & told.keys())


def by_each(model: Any, texts: list[Tensor], told: Callable[[Tensor, int], Tensor]) -> Tensor:
    with torch.no_grad():
        return torch.stack([told(model.eval()(input_ids=ids[None]).logits, at) for at, ids in enumerate(texts)])
