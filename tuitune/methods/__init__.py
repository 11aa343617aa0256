"""HOW WEIGHTS ARE ADAPTED: one file a method. What a method needs of torch lies in `engine/methods/`."""

from tuitune.methods.adalora import ADALORA
from tuitune.methods.descriptor import Method
from tuitune.methods.ia3 import IA3
from tuitune.methods.lora import LORA
from tuitune.methods.none import NONE
from tuitune.methods.prompts import PREFIX, PROMPT, PTUNING
from tuitune.methods.tuners import TUNERS

FIRST_CLASS: dict[str, Method] = {method.name: method for method in (LORA, ADALORA, IA3, PROMPT, PTUNING, PREFIX, NONE)}
"""The methods with settings of their own."""

METHODS: dict[str, Method] = {**FIRST_CLASS, **TUNERS}
"""Every method, by the name that a recipe gives it."""

RESULTS = tuple(dict.fromkeys(method.result for method in METHODS.values()))
"""What runs may leave behind."""
