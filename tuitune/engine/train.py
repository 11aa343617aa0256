"""A training run from top to bottom: load, adapt, prepare, train, evaluate, save."""

from __future__ import annotations

import warnings
from contextlib import suppress

import transformers

from tuitune.engine import artefact
from tuitune.engine.adapter import adapt
from tuitune.engine.callbacks import Recorder
from tuitune.engine.card import model_card
from tuitune.engine.dataset import prepare
from tuitune.engine.device import describe, device, precision
from tuitune.engine.evaluate import compare_answers
from tuitune.engine.failures import EngineError
from tuitune.engine.generate import Generator
from tuitune.engine.model import load
from tuitune.engine.report import Report
from tuitune.engine.samples import Sampler
from tuitune.engine.stop import Stopped, StopSwitch
from tuitune.engine.trainer import Trainer, steps_per_epoch, total_steps
from tuitune.recipe.document import read
from tuitune.runs.directory import Run


def train(run: Run, report: Report, stop: StopSwitch) -> bool:
    """Carry out the run's recipe. True where training came to its end, False where it was stopped after some steps.

    Raises Stopped where it was stopped before the first step; EngineError, or what a library raised, where it failed.
    """
    recipe = read(run.recipe_file)
    transformers.logging.disable_progress_bar()
    warnings.simplefilter("ignore", FutureWarning)
    transformers.set_seed(recipe.run.seed)
    on = device()
    formats = precision(recipe, on)

    base = load(recipe, formats, on, report, interrupt=stop.check)
    parameters = base.model.num_parameters()
    data = prepare(recipe, base, report)
    model = adapt(base, recipe)

    def generator(temperature: float) -> Generator:
        return Generator(model, base, recipe.samples.max_new_tokens, temperature, recipe.run.seed)

    sampler = Sampler(recipe.samples.prompts, generator(recipe.samples.temperature), base.tokenizer, report)
    recorder = Recorder(recipe, report, stop, sampler)
    trainer = Trainer(base, model, data, recipe, run, formats, recorder)
    report.plan(
        total_steps=total_steps(len(data.train), recipe),
        steps_per_epoch=steps_per_epoch(len(data.train), recipe),
        train_rows=data.train_rows,
        eval_rows=data.held_out_count,
        dropped_rows=data.dropped_rows,
        train_tokens=data.train_tokens,
        trainable_parameters=sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        total_parameters=parameters,
        device=describe(on),
        dtype=str(formats.weights).removeprefix("torch."),
        attention=base.model.config._attn_implementation,
    )

    def measure(label: str) -> None:
        if data.held_out is not None and (label == "tuned" or recipe.evaluation.perplexity):
            recorder.evaluate(label)
        if rows := data.held_out_rows[: recipe.evaluation.answers]:
            report.phase("evaluating", f"answering {len(rows)} held-out questions")
            if (answers := compare_answers(generator(0.0), rows, base.tokenizer)) is not None:
                report.answered(step=report.step, label=label, **vars(answers))
        sampler.take(report.step, label)

    measure("base")
    stop.defer()
    trainer.train()
    if recorder.diverged:
        raise EngineError(recorder.diverged)
    complete = report.step == trainer.state.max_steps
    if complete:
        with suppress(Stopped):
            measure("tuned")

    folder = run.adapter if recipe.adapter.method == "lora" else run.path / "model"
    report.phase("saving", f"saving the {folder.name}")
    card = model_card(recipe, base, data, recorder.perplexities, report.step, complete=complete)
    artefact.save(model, base, card, folder)
    report.phase("checking", f"loading the {folder.name} back")
    report.artefact(folder, artefact.listing(folder), artefact.check(model, base, folder))
    return complete
