"""What trainers share that learn from answers of the model's own: how prompts go in, what answers are worth, and what
of a generation a checkpoint keeps.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from transformers import TrainingArguments
from trl.trainer.grpo_trainer import add_fused_lm_head
from trl.trainer.utils import RepeatSampler, split_tensor_dict

from tuitune.engine.evaluation.evaluate import HeldOutLoss
from tuitune.engine.evaluation.generate import BATCH, Generator, attempt, in_batches
from tuitune.engine.loop.arguments import arguments
from tuitune.engine.objectives.reference import frozen_copy
from tuitune.engine.objectives.trainer import Assignment, ObjectiveTrainer, Sums, without_dropout
from tuitune.engine.tokens.collator import Batch
from tuitune.engine.tokens.prompts import text_of
from tuitune.rewards import REWARDS, Attempt
from tuitune.rewards.judge import Judge

GENERATION = "generation.safetensors"
"""Answers of a checkpoint that are still to be learned from."""

_IDLE = 20
"""Generations in a row without any spread after which an alert says so."""


def generation_arguments(given: Assignment) -> dict[str, Any]:
    """What the arguments of these objectives share. The reference is ours (see `Generating`), so β is set later."""
    recipe, wanted = given.recipe, given.recipe.objective
    return {
        **arguments(recipe, given.life.run, given.precision, given.on),
        "num_generations": wanted.generations,
        "max_completion_length": wanted.answer_length,
        "temperature": wanted.temperature,
        "num_iterations": wanted.iterations,
        "epsilon": wanted.clip,
        "epsilon_high": wanted.clip_high,
        "mask_truncated_completions": wanted.drop_cut,
        "reward_weights": list(recipe.rewards.weights.values()),
        "shuffle_dataset": recipe.data.shuffle,
        "beta": 0.0,
        "disable_dropout": False,
    }


class Generating(ObjectiveTrainer):
    """Mixed into trl's trainers that generate.

    The reference of the KL is the base with the adapter off, or a frozen copy where every weight is trained. The base
    has no dropout, and answers are drawn without that of the adapter. Every epoch has an order of its own that its
    number alone decides, so that a run resumes in any.
    """

    def __init__(self, given: Assignment, args: TrainingArguments) -> None:
        model, recipe = given.life.adapted.model, given.recipe
        without_dropout(model)
        self.judge = Judge(recipe.rewards.model_dump(), recipe.rewards.weights)
        self._weights = recipe.rewards.weights
        self._most = recipe.objective.answer_length
        self._idle = 0
        self._at_once = args.generation_batch_size
        reference = frozen_copy(model) if recipe.compares and recipe.method.trains_base else None
        super().__init__(given, args, reward_funcs=[self._rewarding(name) for name in self._weights])
        self._ends = {*self.eos_token_ids, given.base.tokenizer.pad_token_id}
        self._greedy = Generator(model, given.base, self._most, 0.0, recipe.run.seed, plain=True)
        self.beta = recipe.objective.kl  # told before, trl would load a copy by the model's name, or add an adapter
        if reference is not None:
            add_fused_lm_head(reference, temperature=self.temperature)
            self.ref_model = self.accelerator.prepare_model(reference, evaluation_mode=True)

    def _rewarding(self, name: str) -> Callable[..., list[float]]:
        """A reward as trl calls it."""

        def reward(completions: Sequence[str], completion_ids: Sequence[Sequence[int]], **row: Any) -> list[float]:
            questions, expected = (map(text_of, row[key]) for key in ("question", "answer"))
            told = zip(completions, completion_ids, questions, expected, strict=True)
            return self.judge.scores(name, [self._answer(*one) for one in told])

        reward.__name__ = name
        return reward

    def _answer(self, text: str, ids: Sequence[int], question: str, expected: str) -> Attempt:
        return attempt(text, ids, question, expected, most=self._most, ends=self._ends)

    # How prompts go in

    def _tokenize_prompts(self, prompts: list[list[int]]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """They are tokens already."""
        return prompts, None, {}

    def _generate_single_turn(self, prompts: list[list[int]], *positional: Any, **named: Any) -> Any:
        """As trl's, by the model as it is used: without the adapter's dropout, and fewer at once where memory ends.

        GRPOTrainer's answers come with log-probabilities, which vLLM alone gives.
        """
        generate, found = super()._generate_single_turn, []

        def answer(batch: Sequence[list[int]]) -> list[list[int]]:
            found.append(generate(list(batch), *positional, **named))
            tokens: list[list[int]] = found[-1][0] if isinstance(found[-1], tuple) else found[-1]
            return tokens

        with _at_rest(self.model):
            said, self._at_once = in_batches(prompts, self._at_once, answer)
        return (said, None) if isinstance(found[-1], tuple) else said

    def _get_train_sampler(self, dataset: Dataset[Any] | None = None) -> Sampler[int]:
        """As trl's, but for the order of later epochs, which there depends on how many came before in this process."""
        return _EpochSampler(
            self.train_dataset if dataset is None else dataset,
            mini_repeat_count=self.num_generations,
            batch_size=self.args.generation_batch_size // self.num_generations,
            repeat_count=self.num_iterations * self.args.steps_per_generation,
            shuffle=self.shuffle_dataset,
            seed=self.args.seed,
        )

    # What is learned, and measured

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Trl's, told to the recorder with its share of the step."""
        loss: Tensor = super(ObjectiveTrainer, self).compute_loss(model, inputs, return_outputs, num_items_in_batch)
        parts = 1 if self.loss_is_scaled_for_ga else self.current_gradient_accumulation_steps
        self.recorder.learned(loss / parts, int(inputs["prompt_mask"].sum() + inputs["completion_mask"].sum()))
        return loss

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        asked = [{**row, "prompt": row["prompt_ids"]} for row in inputs]
        found: dict[str, Any] = super()._generate_and_score_completions(asked)
        self._idle = self._idle + 1 if self._metrics["train"]["frac_reward_zero_std"][-1] == 1 else 0
        if self._idle == _IDLE:
            self.recorder.warn(
                "no-spread",
                f"for {_IDLE} generations all answers to a prompt got the same reward ({self._same()}): nothing is "
                "learned. Train on answers first, choose easier prompts, or a reward that tells better from worse",
            )
        return found

    def _same(self) -> str:
        """The rewards of the newest answers, by their names."""
        means = {name: self._metrics["train"][REWARDS[name].metric][-1] for name in self._weights}
        return ", ".join(f"{name} {mean:.3g}" for name, mean in means.items())

    def held_out_loss(self) -> HeldOutLoss:
        """The mean reward of greedy answers to the held-out prompts, negated as a loss is, and each reward's."""
        started = time.perf_counter()
        rows = len(self.eval_dataset)
        sums = defaultdict[str, float](float)
        for number, start in enumerate(range(0, rows, BATCH), start=1):
            batch = self.eval_dataset[start : start + BATCH]
            for key, (total, _) in self.measure(batch, len(batch["prompt_ids"])).items():
                sums[key] += total
            self.recorder.measured(number, -(-rows // BATCH))
        figures = {key: total / rows for key, total in sums.items()}
        seconds = time.perf_counter() - started
        return HeldOutLoss(figures.pop("loss"), self._held_out_tokens, rows, seconds, figures=figures)

    def measure(self, batch: Batch, rows: int) -> Sums:
        """The rewards of the likeliest answers to some held-out prompts."""
        said = self._greedy.answer_tokens(batch["prompt_ids"])
        texts = self.processing_class.batch_decode(said, skip_special_tokens=True)
        told = zip(texts, said, map(text_of, batch["question"]), map(text_of, batch["answer"]), strict=True)
        answers = [self._answer(*one) for one in told]
        sums = {name: sum(self.judge.scores(name, answers)) for name in self._weights}
        reward = sum(self._weights[name] * total for name, total in sums.items())
        each = {REWARDS[name].metric: (total, rows) for name, total in sums.items()}
        return {"loss": (-reward, rows), "reward": (reward, rows), **each}

    # What a checkpoint keeps

    def own_state(self) -> dict[str, Any]:
        return {**super().own_state(), "idle": self._idle}

    def take_back(self, state: Mapping[str, Any]) -> None:
        self._idle = state.get("idle", 0)
        super().take_back({key: values for key, values in state.items() if key != "idle"})

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """With the answers that are still to be learned from, where a generation serves several steps."""
        super()._save(output_dir, state_dict)
        if self._within and self._buffered_inputs:
            whole = {name: _joined([one[name] for one in self._buffered_inputs]) for name in self._buffered_inputs[0]}
            kept = {name: tensor.contiguous() for name, tensor in whole.items() if tensor is not None}
            save_file(kept, Path(output_dir or self.args.output_dir) / GENERATION)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """The answers too, parted as this life has its batches: where memory ran out they are smaller. Where a step
        takes another number of answers, new ones are written.
        """
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        step = self._former.step if self._former else 0
        self._step = step * self.args.gradient_accumulation_steps
        if (file := Path(resume_from_checkpoint) / GENERATION).is_file():
            whole = load_file(file, device=str(self.args.device))
            if len(whole["completion_ids"]) == self.args.generation_batch_size:
                self._buffered_inputs = split_tensor_dict(whole, self.args.steps_per_generation)

    @property
    def _within(self) -> bool:
        """Whether the answers of the last generation are to be learned from again."""
        return self._step % (self.args.steps_per_generation * self.num_iterations) != 0


class _EpochSampler(RepeatSampler):
    """Its order is decided by the seed and the number of the epoch, which accelerate tells it."""

    def set_epoch(self, epoch: int) -> None:
        if self.shuffle:
            self.generator.manual_seed(self.seed + epoch)


@contextmanager
def _at_rest(model: Any) -> Iterator[None]:
    """A model in training, answering as it does in use."""
    model.eval()
    try:
        yield
    finally:
        model.train()


def _joined(parts: list[Any]) -> Any:
    """The parts of a generation as one; a figure of the whole is the same in each."""
    first = parts[0]
    return first if first is None or first.dim() == 0 else torch.cat(parts)
