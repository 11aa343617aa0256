"""HOW WEIGHTS ARE ADAPTED: one file a method. What a method needs of torch lies in `engine/methods/`."""

from tuitune.methods.adalora import ADALORA
from tuitune.methods.descriptor import Method
from tuitune.methods.ia3 import IA3
from tuitune.methods.lora import LORA
from tuitune.methods.none import NONE

METHODS: dict[str, Method] = {method.name: method for method in (LORA, ADALORA, IA3, NONE)}
"""Every method, by the name that a recipe gives it."""

RESULTS = tuple(dict.fromkeys(method.result for method in METHODS.values()))
"""What runs may leave behind."""
