"""The [training] table: how long, in what steps and by what arithmetic it is trained."""

from __future__ import annotations

from typing import Literal

from tuitune.recipe.declaration import Count, Needs, Section, rule, setting
from tuitune.recipe.sections.objective import objectives_that_read


class TrainingSection(Section):
    """Training"""

    epochs: float = setting(
        3.0,
        "epochs",
        affects="steps",
        needs=Needs("training.max_steps", None),
        also=("num_train_epochs",),
        gt=0,
        le=1000,
    )
    """Times to train on the whole data set."""
    max_steps: Count | None = setting(None, "max steps", affects="steps", unit="steps")
    """Train this many optimizer steps, whatever the epochs; empty to go by epochs."""
    batch_size: int = setting(
        4, "batch size", affects="steps", also=("per_device_train_batch_size",), unit="rows", ge=1, le=4096
    )
    """Rows that go through the model at once."""
    accumulation: int = setting(
        4, "accumulation", affects="steps", also=("gradient_accumulation_steps",), ge=1, le=4096
    )
    """Batches accumulated before each optimizer step; effective batch = batch size × accumulation."""
    learning_rate: float = setting(
        2e-4, "learning rate", affects="training", change="while it trains", also=("lr",), gt=0, le=1
    )
    """Peak learning rate. 1e-4 to 3e-4 is usual for LoRA, 10 to 100 times less when every weight is trained."""
    schedule: Literal["cosine", "linear", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"] = setting(
        "cosine", "schedule", affects="training", also=("lr_scheduler_type",)
    )
    """How the learning rate changes from its peak to the end of training."""
    warmup_ratio: float = setting(0.03, "warm-up", affects="training", ge=0, lt=1)
    """Share of the steps in which the learning rate rises to its peak."""
    optimizer: Literal[
        "adamw_torch_fused", "adamw_torch", "adamw_8bit", "paged_adamw_8bit", "paged_adamw_32bit", "adafactor", "sgd"
    ] = setting("adamw_torch_fused", "optimizer", affects="training", also=("optim",))
    """The 8-bit optimizers save memory when every weight is trained; the paged ones spill to host memory."""
    max_grad_norm: float = setting(0.3, "gradient clipping", affects="training", ge=0, le=1e6)
    """Gradients are clipped to this norm; 0 never clips."""
    weight_decay: float = setting(0.0, "weight decay", affects="training", ge=0, le=1)
    """Pulls trained weights towards zero; 0.01 against overfitting."""
    gradient_checkpointing: bool = setting(False, "gradient checkpointing", affects="nothing")
    """Recompute activations in the backward pass: far less memory, about 25 % slower."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = setting("auto", "precision", affects="training")
    """Number format of the arithmetic; auto takes bf16 where the GPU has it, else fp16, and fp32 on a CPU."""
    neftune_alpha: float | None = setting(
        None,
        "NEFTune noise",
        affects="training",
        needs=objectives_that_read("training.neftune_alpha"),
        advanced=True,
        gt=0,
        le=100,
    )
    """Noise added to the embeddings while training (NEFTune), often 5; empty for none."""
    workers: int | None = setting(None, "data workers", affects="nothing", unit="processes", advanced=True, ge=0, le=64)
    """Processes that prepare batches; empty for 2 on a GPU and none on a CPU. Raise it when an alert says that training
    waits for data."""
    log_every: Count = setting(
        1,
        "log every",
        affects="nothing",
        change="while it trains",
        also=("logging_steps",),
        unit="steps",
        advanced=True,
    )
    """Optimizer steps between two records of loss, learning rate and gradient norm."""

    @rule("learning_rate", "schedule")
    def _polynomial(self) -> str | None:
        """transformers' polynomial schedule ends at 1e-7 and refuses to start at or below it."""
        if self.schedule == "polynomial" and self.learning_rate <= 1e-7:
            return "the polynomial schedule ends at 1e-7; set a higher rate, or another schedule"
        return None
