"""The recipe: everything that defines a fine-tuning run, declared once.

Each field carries its title, help, unit, bounds and whether it is advanced. The form on the screen, the
command-line help, the checks and the reference page are all made from these declarations (`tuitune.recipe.settings`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tuitune.methods import METHODS, Method
from tuitune.recipe.declaration import MOST, SLUG, Cadence, HeldOut, Section, setting


class RunSection(Section):
    """Run"""

    name: str = setting(
        "my-run",
        "name",
        "The run's name: lower-case letters, digits, '.', '_' and '-'.",
        expected="at most 64 lower-case letters, digits, '.', '_' and '-', a letter or digit first",
        pattern=SLUG,
    )
    notes: str = setting("", "notes", "Your notes on this run.", lines=True, max_length=10_000)
    seed: int = setting(
        42, "seed", "Seed of the data order, dropout and the adapter's initial weights.", ge=0, le=2**32 - 1
    )
    on_oom: Literal["fail", "retry"] = setting(
        "fail",
        "out of memory",
        "When memory runs out: fail, or retry from the last checkpoint with half the batch size and twice the "
        "accumulation, which keeps the effective batch.",
    )
    notify: str = setting(
        "",
        "notify command",
        "A command of yours that runs when the run ends or raises an alert, with no screen open too.",
        expected="a command such as notify-send tuitune; it gets the facts as TUITUNE_… variables and as JSON on its "
        "standard input",
        advanced=True,
        lines=True,
        max_length=1000,
    )


class ModelSection(Section):
    """Model"""

    id: str = setting(
        "bundled:nano",
        "model",
        "The base model: a bundled name, a local folder or a Hugging Face Hub id.",
        min_length=1,
    )
    revision: str = setting(
        "main", "revision", "Branch, tag or commit of a Hub model; a commit makes the run reproducible.", advanced=True
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = setting(
        "auto",
        "weights dtype",
        "Number format of the loaded weights; auto follows the training precision.",
        advanced=True,
    )
    attention: Literal["auto", "sdpa", "eager"] = setting(
        "auto",
        "attention",
        "Attention implementation; auto uses the fastest exact kernel and keeps packed documents apart.",
        advanced=True,
    )
    trust_remote_code: bool = setting(
        False,
        "trust remote code",
        "Run Python code that comes with this model. Only for a model whose code you have read.",
        advanced=True,
    )


class DataSection(Section):
    """Data"""

    train: str = setting(
        "bundled:triage",
        "training data",
        "A file (json, jsonl, csv, tsv, txt, parquet, also .gz or .zst), a folder or pattern of files, an https "
        "address, a bundled set or a Hub data set.",
        min_length=1,
    )
    mix: dict[str, Annotated[float, Field(gt=0, lt=1)]] = setting(
        {},
        "mixed in",
        "Other data added to the training rows, each with its share of the total; 0.1 to 0.2 of general data guards "
        "against forgetting.",
        expected='data sets and their shares, such as "general.jsonl" = 0.15',
    )
    eval: HeldOut = setting(
        0.05,
        "held-out data",
        "Rows kept for evaluation: a fraction of the training data, another file or set, or empty for none.",
        expected="a fraction above 0 and at most 0.5, a file or set, or nothing",
    )
    split: str = setting("train", "Hub split", "Which split of a Hub data set to train on.", advanced=True)
    shape: Literal["auto", "alpaca", "messages", "sharegpt", "tools", "prompt-completion", "columns", "text"] = setting(
        "auto", "shape", "Shape of the rows; auto recognises it."
    )
    columns: dict[str, str] = setting(
        {},
        "columns",
        "Column of each role (prompt, completion, system, text, messages, instruction, input, output, tools or label), "
        "for data with other column names. Rows whose label marks the answer as bad are unusable.",
        expected='roles and their columns, such as prompt = "question", completion = "answer"',
        lines=True,
        advanced=True,
    )
    exclude: list[str] = setting(
        [],
        "dropped rows",
        "Marks of rows to drop, written by the data workbench: a row's mark is a hash of its content, so it stays with "
        "the row when the file changes.",
        expected="marks of 16 hexadecimal digits",
        advanced=True,
    )
    template: str = setting(
        "",
        "chat template",
        "File with a Jinja chat template; empty for the tokenizer's own.",
        advanced=True,
    )
    left_out: Literal["report", "inline"] = setting(
        "report",
        "dropped by template",
        "A system turn or reasoning that the chat template drops: report names it and trains without it; inline writes "
        "it as text, the system turn before the first question, reasoning in <think> tags before its answer.",
        advanced=True,
    )
    max_length: int = setting(
        512,
        "max length",
        "Longest row; longer rows are cut, or dropped by cleaning.too_long.",
        unit="tokens",
        ge=8,
        le=1_048_576,
    )
    packing: bool = setting(
        True,
        "packing",
        "Put several documents into each row of a batch, which saves padding; each still attends only to itself.",
    )
    loss_on: Literal["assistant", "completion", "all"] = setting(
        "assistant",
        "learn from",
        "Tokens that count in the loss: the assistant's turns, only the last answer, or every token.",
    )
    limit: int | None = setting(
        None,
        "limit",
        "Use only the first rows of the training data; empty for all.",
        unit="rows",
        advanced=True,
        ge=1,
        le=MOST,
    )
    shuffle: bool = setting(True, "shuffle", "Train on the rows in a random order, fixed by the seed.", advanced=True)


class CleaningSection(Section):
    """Cleaning"""

    unusable: Literal["refuse", "drop"] = setting(
        "refuse",
        "unusable rows",
        "Rows that cannot be read or have the wrong shape: refuse the data set and name them, or drop and count them.",
    )
    empty: bool = setting(False, "drop empty", "Drop rows whose instruction or answer is empty.")
    whitespace: bool = setting(
        False,
        "tidy white space",
        "Trim texts, unify line ends, and remove spaces at line ends and repeated blank lines.",
    )
    shortest: int | None = setting(
        None,
        "shortest answer",
        "Drop rows whose last answer is shorter; 50 is usual for prose. Empty keeps all.",
        unit="characters",
        ge=1,
        le=MOST,
    )
    duplicates: bool = setting(False, "drop duplicates", "Drop rows equal to an earlier row.")
    near_duplicates: float | None = setting(
        None,
        "drop near-duplicates",
        "Drop rows whose instruction is at least this similar to an earlier one: Jaccard similarity of word triples, "
        "without those that most rows share. 0.8 is usual; empty keeps them.",
        ge=0.5,
        le=1,
    )
    control_tokens: Literal["keep", "remove"] = setting(
        "keep",
        "control tokens",
        "Control tokens in the text of conversations, such as an end token inside an answer or a second beginning "
        "token: keep and count them, or remove them.",
    )
    too_long: Literal["cut", "drop"] = setting(
        "cut", "over-long rows", "Rows longer than data.max_length: cut their end, or drop them."
    )
    leakage: Literal["report", "drop"] = setting(
        "report",
        "leakage",
        "Training rows equal or nearly equal to a held-out row make the held-out loss too low: report or drop them.",
    )


class ObjectiveSection(Section):
    """Objective"""

    kind: Literal["sft"] = setting(
        "sft", "objective", "Training objective: sft is supervised fine-tuning on example answers."
    )


class AdapterSection(Section):
    """Adapter"""

    method: Literal["lora", "none"] = setting(
        "lora", "method", f"{'; '.join(f'{method.name} {method.does}' for method in METHODS.values())}."
    )
    rank: int = setting(
        16,
        "rank r",
        "Rank of the LoRA matrices: a higher one learns more and costs more. 8 to 16 captures most of the gain.",
        ge=1,
        le=4096,
    )
    alpha: int = setting(32, "alpha", "LoRA updates are scaled by alpha / rank.", ge=1, le=65_536)
    dropout: float = setting(
        0.05,
        "dropout",
        "Share of the adapter's inputs dropped in training; 0.15 to 0.2 against overfitting.",
        ge=0.0,
        lt=1.0,
    )
    targets: list[str] | Literal["all-linear"] = setting(
        ["q_proj", "k_proj", "v_proj", "o_proj"],
        "target modules",
        "Layers that get an adapter: a list of module names, or all-linear.",
    )
    bias: Literal["none", "all", "lora_only"] = setting("none", "bias", "Bias terms to train too.", advanced=True)
    rslora: bool = setting(
        False,
        "rank-stabilised",
        "Scale by alpha / √rank instead (rsLoRA), so high ranks keep learning.",
        advanced=True,
    )
    dora: bool = setting(
        False,
        "DoRA",
        "Learn magnitude and direction separately (DoRA): often better at low rank, slower.",
        advanced=True,
    )


class QuantizationSection(Section):
    """Quantization"""

    bits: Literal[16, 8, 4] = setting(
        16, "bits", "Bits per weight of the frozen base: 16 (as loaded), 8, or 4 (QLoRA)."
    )
    kind: Literal["nf4", "fp4"] = setting(
        "nf4", "4-bit kind", "Number format of 4-bit weights; nf4 suits normally distributed weights."
    )
    double: bool = setting(
        True, "double quantization", "Quantize the quantization constants too: saves about 0.4 bits a weight."
    )
    compute_dtype: Literal["auto", "bfloat16", "float16", "float32"] = setting(
        "auto",
        "compute dtype",
        "Number format of the arithmetic on 4-bit weights; auto follows the training precision.",
        advanced=True,
    )


class TrainingSection(Section):
    """Training"""

    epochs: float = setting(3.0, "epochs", "Times to train on the whole data set.", gt=0, le=1000)
    max_steps: int | None = setting(
        None,
        "max steps",
        "Train this many optimizer steps, whatever the epochs; empty to go by epochs.",
        unit="steps",
        ge=1,
        le=MOST,
    )
    batch_size: int = setting(4, "batch size", "Rows that go through the model at once.", unit="rows", ge=1, le=4096)
    accumulation: int = setting(
        4,
        "accumulation",
        "Batches accumulated before each optimizer step; effective batch = batch size × accumulation.",
        ge=1,
        le=4096,
    )
    learning_rate: float = setting(
        2e-4,
        "learning rate",
        "Peak learning rate. 1e-4 to 3e-4 is usual for LoRA, 10 to 100 times less when every weight is trained.",
        gt=0,
        le=1,
    )
    schedule: Literal["cosine", "linear", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"] = setting(
        "cosine", "schedule", "How the learning rate changes from its peak to the end of training."
    )
    warmup_ratio: float = setting(
        0.03, "warm-up", "Share of the steps in which the learning rate rises to its peak.", ge=0, lt=1
    )
    optimizer: Literal[
        "adamw_torch_fused", "adamw_torch", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit", "adafactor", "sgd"
    ] = setting(
        "adamw_torch_fused",
        "optimizer",
        "The 8-bit optimizers save memory when every weight is trained; the paged ones spill to host memory.",
    )
    max_grad_norm: float = setting(
        0.3, "gradient clipping", "Gradients are clipped to this norm; 0 never clips.", ge=0, le=1e6
    )
    weight_decay: float = setting(
        0.0, "weight decay", "Pulls trained weights towards zero; 0.01 against overfitting.", ge=0, le=1
    )
    gradient_checkpointing: bool = setting(
        False,
        "gradient checkpointing",
        "Recompute activations in the backward pass: far less memory, about 25 % slower.",
    )
    precision: Literal["auto", "bf16", "fp16", "fp32"] = setting(
        "auto",
        "precision",
        "Number format of the arithmetic; auto takes bf16 where the GPU has it, else fp16, and fp32 on a CPU.",
    )
    neftune_alpha: float | None = setting(
        None,
        "NEFTune noise",
        "Noise added to the embeddings while training (NEFTune), often 5; empty for none.",
        advanced=True,
        gt=0,
        le=100,
    )
    workers: int | None = setting(
        None,
        "data workers",
        "Processes that prepare batches; empty for 2 on a GPU and none on a CPU. Raise it when an alert says that "
        "training waits for data.",
        unit="processes",
        advanced=True,
        ge=0,
        le=64,
    )
    log_every: int = setting(
        1,
        "log every",
        "Optimizer steps between two records of loss, learning rate and gradient norm.",
        unit="steps",
        advanced=True,
        ge=1,
        le=MOST,
    )


class EvaluationSection(Section):
    """Evaluation"""

    every: Cadence = setting(
        "epoch", "evaluate every", "How often the held-out rows are evaluated: a number of steps, epoch or end."
    )
    perplexity: bool = setting(
        True, "evaluate the base", "Evaluate the held-out rows before training too, so the gain is a figure."
    )
    patience: int | None = setting(
        None,
        "early stopping",
        "Stop after this many evaluations in a row without a lower held-out loss; empty never stops early.",
        unit="evaluations",
        ge=1,
        le=MOST,
    )
    answers: int = setting(
        0,
        "answers evaluated",
        "Held-out rows answered before and after training, and scored: share of exact and of valid JSON answers.",
        unit="rows",
        ge=0,
        le=10_000,
    )


class SamplesSection(Section):
    """Samples"""

    prompts: list[str] = setting(
        [],
        "prompts",
        "Prompts answered during training, always the same, so you see the model change.",
        lines=True,
    )
    every: Cadence = setting(
        "epoch",
        "sample every",
        "How often the prompts are answered: a number of steps, epoch or end; always at step 0 and the end.",
    )
    max_new_tokens: int = setting(128, "answer length", "Longest answer to a prompt.", unit="tokens", ge=1, le=8192)
    temperature: float = setting(
        0.0, "temperature", "Randomness of the answers; 0 always takes the likeliest token.", ge=0, le=5
    )


class CheckpointsSection(Section):
    """Checkpoints"""

    every: Cadence = setting(
        "epoch", "checkpoint every", "How often a checkpoint is saved: a number of steps, epoch or end."
    )
    keep: int = setting(
        2,
        "keep",
        "How many of the newest healthy checkpoints to keep; the one with the lowest held-out loss stays too.",
        ge=1,
        le=1000,
    )


class LimitsSection(Section):
    """Limits"""

    nonfinite: Literal["stop", "warn"] = setting(
        "stop",
        "at NaN",
        "When the loss or gradient is not finite: stop, because the weights are lost from there, or only warn.",
    )
    hours: float | None = setting(
        None,
        "training time",
        "Stop and save after this much training; empty for no limit.",
        unit="hours",
        gt=0,
        le=1e5,
    )
    until: str = setting(
        "",
        "stop at",
        "Stop and save at this date and time, by this machine's clock; empty for none.",
        expected="a date and time such as 2026-12-24T08:00, or nothing",
        advanced=True,
    )
    loss: float | None = setting(
        None, "target loss", "Stop and save once the smoothed training loss is this low; empty for none.", gt=0, le=1000
    )
    cost: float | None = setting(
        None, "budget", "Stop and save once this much is spent; needs the price per hour.", gt=0, le=1e9
    )
    price_per_hour: float | None = setting(
        None, "price per hour", "What an hour of this machine costs, in the currency of the budget.", gt=0, le=1e6
    )


class HardwareSection(Section):
    """Hardware"""

    gpu: str = setting(
        "auto",
        "device",
        "Where to train: a GPU's number or UUID from `tuitune gpus`, cpu, or auto. auto takes the first free GPU, and "
        "the CPU only for a small model on a machine that surely has no GPU.",
        expected="auto, cpu, a GPU's number or its UUID",
        min_length=1,
    )
    share: bool = setting(
        False,
        "share the device",
        "Start even if other programs use the GPU or another run trains on the CPU; otherwise the run waits until "
        "they are done.",
    )


class Recipe(Section):
    """A whole recipe: the tables of `recipe.toml`, every field with a default."""

    run: RunSection = RunSection()
    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    cleaning: CleaningSection = CleaningSection()
    objective: ObjectiveSection = ObjectiveSection()
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
