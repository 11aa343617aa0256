"""Continued pre-training: the model learns to write the text of the data, all of it, as it was pre-trained."""

from tuitune.objectives.descriptor import Trained

PRETRAIN = Trained(
    name="pretrain",
    learns_from=("text",),
    title="continued pre-training",
    rows_in="text",
    examples="plain text, whole",
    settings=frozenset({"data.packing"}),
)
