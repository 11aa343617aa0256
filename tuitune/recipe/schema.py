"""The recipe: everything that defines a fine-tuning run, declared once.

Each field carries its title, help, unit, bounds and whether it is advanced. The form on the screen, the
command-line help, the checks and the reference page are all made from these declarations (`tuitune.recipe.settings`).
"""

from __future__ import annotations

from tuitune.methods import METHODS, Method
from tuitune.methods.lora import SUBTRACTED
from tuitune.objectives import TRAINED, Trained
from tuitune.recipe.declaration import Section
from tuitune.recipe.sections.adapter import AdapterSection
from tuitune.recipe.sections.checkpoints import CheckpointsSection
from tuitune.recipe.sections.cleaning import CleaningSection
from tuitune.recipe.sections.data import DataSection
from tuitune.recipe.sections.evaluation import EvaluationSection
from tuitune.recipe.sections.hardware import HardwareSection
from tuitune.recipe.sections.limits import LimitsSection
from tuitune.recipe.sections.model import ModelSection
from tuitune.recipe.sections.objective import BETA_PER_TOKEN, PER_TOKEN, ObjectiveSection
from tuitune.recipe.sections.quantization import QuantizationSection
from tuitune.recipe.sections.rewards import RewardsSection
from tuitune.recipe.sections.run import RunSection
from tuitune.recipe.sections.samples import SamplesSection
from tuitune.recipe.sections.training import TrainingSection


class Recipe(Section):
    """A whole recipe: the tables of `recipe.toml`, every field with a default."""

    run: RunSection = RunSection()
    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    cleaning: CleaningSection = CleaningSection()
    objective: ObjectiveSection = ObjectiveSection()
    rewards: RewardsSection = RewardsSection()
    adapter: AdapterSection = AdapterSection()
    quantization: QuantizationSection = QuantizationSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    samples: SamplesSection = SamplesSection()
    checkpoints: CheckpointsSection = CheckpointsSection()
    limits: LimitsSection = LimitsSection()
    hardware: HardwareSection = HardwareSection()

    @property
    def method(self) -> Method:
        """How the weights are adapted."""
        return METHODS[self.adapter.method]

    @property
    def subtracts(self) -> bool:
        """Whether what the adapter began with is kept, to be subtracted from what it gives."""
        return self.method.uses("init") and self.adapter.init in SUBTRACTED

    @property
    def leading(self) -> int:
        """How many virtual tokens stand before those of a row."""
        return self.adapter.virtual_tokens if self.method.uses("virtual_tokens") else 0

    @property
    def optimises(self) -> Trained:
        """The objective."""
        return TRAINED[self.objective.kind]

    @property
    def beta(self) -> float:
        """β of the objective: as given, or as is usual for it and its loss."""
        if self.objective.beta is not None:
            return self.objective.beta
        per_token = self.optimises.reads("objective.loss") and self.objective.loss == PER_TOKEN
        return BETA_PER_TOKEN if per_token else self.optimises.beta

    @property
    def packs(self) -> bool:
        """Whether several rows are packed into one: by choice, where objective and method have it."""
        return self.data.packing and self.flattens

    @property
    def flattens(self) -> bool:
        """Whether batches are documents end to end, each for itself; else they are rows padded to one length."""
        return self.optimises.packs and not self.method.support.packing

    @property
    def recomputes(self) -> bool:
        """Whether activations are computed again instead of kept: by choice, where the method has it."""
        return self.training.gradient_checkpointing and not self.method.support.checkpointing

    @property
    def longest(self) -> int:
        """Tokens of the longest row that goes through the model, with the answer that it writes where it does."""
        return self.data.max_length + (self.objective.answer_length if self.optimises.generates else 0)

    @property
    def compares(self) -> bool:
        """Whether a reference is needed, the model that training began with."""
        return self.optimises.compares or (self.optimises.generates and self.objective.kl > 0)

    @property
    def prompts(self) -> int:
        """How many prompts a step asks, of an objective that generates answers."""
        return self.training.batch_size * self.training.accumulation // self.objective.generations
