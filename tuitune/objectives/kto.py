"""Kahneman-Tversky optimisation (arXiv 2402.01306): the model learns from answers that are called good or bad.

Pairs serve too: trl makes a good and a bad answer of each.
"""

from tuitune.objectives.descriptor import Objective

KTO = Objective("kto", ("labels", "preferences"), "Kahneman-Tversky optimisation", rows_in="unpaired-preference")
