"""The [training] table: how long, in what steps and by what arithmetic it is trained."""

from __future__ import annotations

from typing import Literal

from tuitune.recipe.declaration import MOST, Entails, Needs, Section, rule, setting


class TrainingSection(Section):
    """Training"""

    epochs: float = setting(
        3.0,
        "epochs",
        "Times to train on the whole data set.",
        Entails("steps", needs=Needs("training.max_steps", None)),
        also=("num_train_epochs",),
        gt=0,
        le=1000,
    )
    max_steps: int | None = setting(
        None,
        "max steps",
        "Train this many optimizer steps, whatever the epochs; empty to go by epochs.",
        Entails("steps"),
        unit="steps",
        ge=1,
        le=MOST,
    )
    batch_size: int = setting(
        4,
        "batch size",
        "Rows that go through the model at once.",
        Entails("steps"),
        also=("per_device_train_batch_size",),
        unit="rows",
        ge=1,
        le=4096,
    )
    accumulation: int = setting(
        4,
        "accumulation",
        "Batches accumulated before each optimizer step; effective batch = batch size × accumulation.",
        Entails("steps"),
        also=("gradient_accumulation_steps",),
        ge=1,
        le=4096,
    )
    learning_rate: float = setting(
        2e-4,
        "learning rate",
        "Peak learning rate. 1e-4 to 3e-4 is usual for LoRA, 10 to 100 times less when every weight is trained.",
        Entails("training", change="while it trains"),
        also=("lr",),
        gt=0,
        le=1,
    )
    schedule: Literal["cosine", "linear", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"] = setting(
        "cosine",
        "schedule",
        "How the learning rate changes from its peak to the end of training.",
        Entails("training"),
        also=("lr_scheduler_type",),
    )
    warmup_ratio: float = setting(
        0.03,
        "warm-up",
        "Share of the steps in which the learning rate rises to its peak.",
        Entails("training"),
        ge=0,
        lt=1,
    )
    optimizer: Literal[
        "adamw_torch_fused", "adamw_torch", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit", "adafactor", "sgd"
    ] = setting(
        "adamw_torch_fused",
        "optimizer",
        "The 8-bit optimizers save memory when every weight is trained; the paged ones spill to host memory.",
        Entails("training"),
        also=("optim",),
    )
    max_grad_norm: float = setting(
        0.3,
        "gradient clipping",
        "Gradients are clipped to this norm; 0 never clips.",
        Entails("training"),
        ge=0,
        le=1e6,
    )
    weight_decay: float = setting(
        0.0,
        "weight decay",
        "Pulls trained weights towards zero; 0.01 against overfitting.",
        Entails("training"),
        ge=0,
        le=1,
    )
    gradient_checkpointing: bool = setting(
        False,
        "gradient checkpointing",
        "Recompute activations in the backward pass: far less memory, about 25 % slower.",
        Entails("nothing"),
    )
    precision: Literal["auto", "bf16", "fp16", "fp32"] = setting(
        "auto",
        "precision",
        "Number format of the arithmetic; auto takes bf16 where the GPU has it, else fp16, and fp32 on a CPU.",
        Entails("training"),
    )
    neftune_alpha: float | None = setting(
        None,
        "NEFTune noise",
        "Noise added to the embeddings while training (NEFTune), often 5; empty for none.",
        Entails("training"),
        advanced=True,
        gt=0,
        le=100,
    )
    workers: int | None = setting(
        None,
        "data workers",
        "Processes that prepare batches; empty for 2 on a GPU and none on a CPU. Raise it when an alert says that "
        "training waits for data.",
        Entails("nothing"),
        unit="processes",
        advanced=True,
        ge=0,
        le=64,
    )
    log_every: int = setting(
        1,
        "log every",
        "Optimizer steps between two records of loss, learning rate and gradient norm.",
        Entails("nothing", change="while it trains"),
        also=("logging_steps",),
        unit="steps",
        advanced=True,
        ge=1,
        le=MOST,
    )

    @rule("learning_rate", "schedule")
    def _polynomial(self) -> str | None:
        """transformers' polynomial schedule ends at 1e-7 and refuses to start at or below it."""
        if self.schedule == "polynomial" and self.learning_rate <= 1e-7:
            return "the polynomial schedule ends at 1e-7; set a higher rate, or another schedule"
        return None
