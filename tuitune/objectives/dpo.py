"""Direct preference optimisation (arXiv 2305.18290): the model learns to prefer one of two answers."""

from tuitune.objectives.descriptor import Objective

DPO = Objective("dpo", ("preferences",), "direct preference optimisation", rows_in="preference")
