"""Supervised fine-tuning: the model learns to write the answers of the data, or its text."""

from tuitune.objectives.descriptor import ANSWERING, Trained

SFT = Trained(
    name="sft",
    learns_from=ANSWERING,
    title="supervised fine-tuning",
    rows_in="messages",
    examples="example answers",
    settings=frozenset({"data.packing", "data.loss_on", "data.unlearned", "training.neftune_alpha"}),
)
