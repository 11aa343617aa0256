"""Supervised fine-tuning: the model learns to write the answers of the data, or its text."""

from tuitune.data.shapes.shape import ANSWERING
from tuitune.objectives.descriptor import Objective

SFT = Objective("sft", "supervised fine-tuning", ANSWERING, rows_in="messages", trained=True)
