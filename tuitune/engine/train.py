"""A training run from top to bottom: read, load, adapt, train, evaluate, save. Or the rest of one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Collection
from contextlib import closing

import torch
import transformers
from torch import Tensor

from tuitune.engine.control.stop_conditions import Outcome
from tuitune.engine.control.tuning import tunes
from tuitune.engine.evaluation.evaluate import HeldOutLoss, compare_answers
from tuitune.engine.evaluation.generate import Generator
from tuitune.engine.evaluation.samples import Sampler
from tuitune.engine.journal.report import Report
from tuitune.engine.load.device import describe, device, precision
from tuitune.engine.load.model import fetch, load
from tuitune.engine.load.tokenizer import choose_template, load_tokenizer, longest_of, refuse_unknown_rows, stop_ids_of
from tuitune.engine.loop import loss_head, resume
from tuitune.engine.loop.durable import TrainerLife
from tuitune.engine.loop.training_loop import TrainingLoop
from tuitune.engine.methods import adapt
from tuitune.engine.objectives import TRAINERS
from tuitune.engine.objectives.trainer import Assignment
from tuitune.engine.process.failures import EngineError, NotFiniteError
from tuitune.engine.process.request_pipe import RequestPipe
from tuitune.engine.process.stop import Stopped, StopSwitch
from tuitune.engine.result import artefact
from tuitune.engine.result.model_card import model_card
from tuitune.engine.tokens.prepare import arrange, read
from tuitune.hardware.model_facts import read_facts
from tuitune.planning.checks.device import too_large_unasked
from tuitune.planning.checks.half_precision import float16_trouble
from tuitune.recipe.schema import Recipe
from tuitune.recipe.sections.samples import SamplesSection
from tuitune.recipe.steps import steps_per_epoch, too_few_prompts, total_steps
from tuitune.rewards.judge import Judge
from tuitune.runs.read.length import nothing_left
from tuitune.runs.store import checkpoints
from tuitune.runs.store.directory import Run, read_recipe
from tuitune.runs.store.provenance import record_sources
from tuitune.runs.store.records.training import Plan

_ROUNDING = 1e-6
"""How far apart sums in another order may lie, as a share: the losses of a base and of an adapter that does nothing."""


def train(run: Run, report: Report, stop: StopSwitch, pipe: RequestPipe) -> Outcome:
    """Carry out the run's recipe, from its newest checkpoint on where there is one.

    Says how training ended: paused, with a checkpoint to go on from; or finished or stopped, with the result saved.
    Raises Stopped where nothing was trained yet; EngineError, or what a library raised, where it failed.
    """
    checkpoints.clear_debris(run)
    past, start = resume.look_back(run), resume.Start(*checkpoints.newest(run))
    report.step, report.saved = start.step, start.step or None
    recipe = read_recipe(run)
    transformers.logging.disable_progress_bar()
    warnings.simplefilter("ignore", FutureWarning)
    transformers.set_seed(recipe.run.seed)
    if recipe.optimises.generates:
        with closing(Judge(recipe.rewards.model_dump(), recipe.rewards.weights)) as judge:
            judge.begin()  # what is wrong with the rewards themselves is said before anything is loaded
    on = device(recipe)
    formats = precision(recipe, on)

    files = fetch(recipe.model, report, interrupt=stop.check)
    facts = read_facts(files.folder)
    _refuse_too_large(recipe, facts.parameters, on)
    if formats.is_float16 and (trouble := float16_trouble(recipe, facts.model_type)) is not None:
        raise EngineError([trouble])
    template = choose_template(recipe, load_tokenizer(recipe.model, files.folder))
    stop_ids = stop_ids_of(recipe.model, files.folder, template.tokenizer)
    for path in record_sources(run, recipe):
        message = f"{path} has changed since the run was launched or last resumed: it trains with the file as it is now"
        report.alert("data-changed", "warning", message)
    most = longest_of(recipe.model, files.folder)
    tokens = read(recipe, template, stop_ids, run, report, trained=start.step > 0, most=most)
    base = load(recipe, files, template, formats, on, report)
    parameters = base.model.num_parameters()
    _refuse_too_large(recipe, parameters, on)
    refuse_unknown_rows(tokens.train, base.tokenizer, base.model, "data.train")
    refuse_unknown_rows(tokens.held_out, base.tokenizer, base.model, "data.eval")
    data = arrange(tokens, recipe, flat=base.flat)
    if (few := too_few_prompts(recipe, len(data.train))) is not None:
        raise EngineError(f"training.accumulation: {few}")
    per_epoch = steps_per_epoch(len(data.train), recipe)
    total = total_steps(per_epoch, recipe.training)
    adapted = adapt(base, recipe, total)
    model = adapted.model

    def generator(samples: SamplesSection) -> Generator:
        return Generator(model, base, samples.max_new_tokens, samples.temperature, recipe.run.seed)

    if start.step >= total and start.planned not in (None, total):
        raise EngineError([nothing_left(recipe.training, start.step)])
    now = resume.circumstances(recipe, base, data, on, total)
    loss_head.settle(on, formats.compute, report)
    chat = template.origin != "none" and not recipe.optimises.whole
    sampler = Sampler(recipe.samples, None if base.scores else generator, template, report, chat=chat)
    if (problem := sampler.too_long(recipe.samples.prompts, recipe.samples, base.positions)) is not None:
        raise EngineError(f"samples.prompts: {problem}")
    loop = TrainingLoop(recipe, report, stop, sampler, pipe, now["basis"])
    life = TrainerLife(adapted, loop, run, recipe.checkpoints.keep, now, loop.warm_up)
    trainer = TRAINERS[recipe.objective.kind](Assignment(base, data, recipe, life, formats, on))
    if past.again:
        at = start.checkpoint.path if start.checkpoint else None
        report.resumed(start.step, at, resume.differences(start, now), start.skipped)
        loop.restore(resume.progress(start, now))
        loop.replay(tunes(run))
    plan = Plan(
        total_steps=total,
        steps_per_epoch=per_epoch,
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
    report.write(plan)

    answered = data.held_out_rows[: recipe.evaluation.answers]
    answers_basis = resume.basis_of_answers(now, answered, recipe.samples.max_new_tokens)

    def measure(label: str, known: Collection[str] = ()) -> None:
        step = 0 if label == "base" else report.step
        if data.held_out is not None and "loss" not in known:
            loop.evaluate(label)
        if "answers" not in known and answered:
            report.phase("evaluating", f"answering {len(answered)} held-out questions")
            greedy = generator(recipe.samples.model_copy(update={"temperature": 0.0}))
            answers = compare_answers(greedy, answered, template, step=step, label=label, basis=answers_basis)
            if answers is not None:
                report.answered(answers)
        if "samples" not in known:
            sampler.take(step, label)

    known = past.measured(now["basis"], answers_basis) | ({"samples"} if start.step else set())
    if "loss" in known and past.held_out is not None:
        loop.held_out["base"] = past.held_out
    with adapted.as_base():
        measure("base", known if recipe.evaluation.perplexity else {*known, "loss"})

    def probe() -> Tensor:
        with trainer.accelerator.autocast():
            return artefact.probe(model, base)

    untrained = probe()
    stop.defer()
    if start.checkpoint is not None and start.step >= total:
        trainer.take_over(start.checkpoint, total)
    else:
        trainer.go_on(start.checkpoint)
    try:
        if loop.outcome != "paused" and loop.conditions.measures:
            measure("tuned")
    except Stopped:
        if stop.urgent:
            raise
    if loop.outcome == "paused":
        return "paused"
    if not trainer.finite:
        raise NotFiniteError(
            "the trained weights are not finite numbers, so there is no result to save. Lower training.learning_rate "
            "and resume from the last healthy checkpoint."
        )
    folder = run.path / recipe.method.result.folder
    if not trainer.changed and loop.outcome == "finished":
        raise EngineError(_unchanged(recipe, report.step))
    if not trainer.changed:
        text = f"no weight has changed yet: the {folder.name} behaves as it did before training"
        report.alert("unchanged", "warning", text)
    elif _behaves_alike(recipe, loop.held_out, untrained, probe):
        text = (
            f"the {folder.name} behaves as it did before training: nothing was learned. Raise "
            f"training.learning_rate ({recipe.training.learning_rate:g}) or training.max_grad_norm "
            f"({recipe.training.max_grad_norm:g})"
        )
        report.alert("nothing-learned", "warning", text)
    card = model_card(recipe, base, data, loop.held_out, report.step, complete=report.step >= total)
    adapted.finish()
    artefact.save(model, base, card, folder, report)
    return loop.outcome


def _unchanged(recipe: Recipe, steps: int) -> str:
    """Why no weight changed, and the way out."""
    opening = f"no weight changed in {steps:,} steps, so there is no result to save"
    if recipe.optimises.generates:
        wanted = recipe.objective
        cut = (
            f", or all were cut at {wanted.answer_length} tokens, which drop_cut leaves out" if wanted.drop_cut else ""
        )
        return (
            f"{opening}: all answers to a prompt got the same reward{cut}, which teaches nothing. Train on answers "
            "first, or choose a reward that tells better answers from worse ones; `tuitune rewards try` shows what "
            "they get."
        )
    return (
        f"{opening}: the learning rate was too low for the format of the weights, or no gradient reached them. Raise "
        'training.learning_rate, or set model.dtype to "float32" where every weight is trained.'
    )


def _behaves_alike(
    recipe: Recipe, held_out: dict[str, HeldOutLoss], untrained: Tensor, probe: Callable[[], Tensor]
) -> bool:
    """Whether training changed nothing that can be told: not the logits of the probe, nor, for a method that begins as
    its base, the held-out loss of that.
    """
    compare = {"base", "tuned"} <= held_out.keys() and not recipe.method.starts(recipe.adapter)
    alike = not compare or math.isclose(held_out["base"].loss, held_out["tuned"].loss, rel_tol=_ROUNDING)
    return alike and torch.equal(probe(), untrained)


def _refuse_too_large(recipe: Recipe, parameters: int | None, on: torch.device) -> None:
    """EngineError for a large model on a CPU that nobody asked for; its files may not tell how large it is."""
    if on.type == "cpu" and (refused := too_large_unasked(recipe, parameters)) is not None:
        raise EngineError([refused])
