"""HOW WEIGHTS ARE ADAPTED: one file a method. What a method needs of torch lies in `engine/methods/`."""

from tuitune.declared import declared
from tuitune.methods.descriptor import Method
from tuitune.methods.lora import LORA
from tuitune.methods.tuners import TUNERS


def _order(method: Method) -> tuple[bool, bool, str]:
    """The usual one first, and last what adds nothing to the base."""
    return method is not LORA, method.trains_base, method.name


FIRST_CLASS: dict[str, Method] = {method.name: method for method in sorted(declared(__name__, Method), key=_order)}
"""The methods with settings of their own."""

METHODS: dict[str, Method] = {**FIRST_CLASS, **TUNERS}
"""Every method, by the name that a recipe gives it."""

RESULTS = tuple(dict.fromkeys(method.result for method in METHODS.values()))
"""What runs may leave behind."""
