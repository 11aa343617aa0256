"""The [rewards] table: what the answers of a model in training are worth."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field

from tuitune.recipe.declaration import Needs, Section, rule, setting
from tuitune.recipe.sections.objective import objectives_that_read
from tuitune.recipe.values import shown
from tuitune.rewards import REWARDS

_NAMES = ", ".join(REWARDS)
_MARK = re.compile(r"[0-9a-f]{16}|")


def _setting(name: str, default: Any, title: str, **more: Any) -> Any:
    """A setting of the rewards that read it, or of all of them."""
    readers = [one.name for one in REWARDS.values() if name in one.settings]
    return setting(default, title, affects="training", needs=Needs("rewards.weights", *readers), **more)


class RewardsSection(Section):
    """Rewards"""

    weights: dict[str, Annotated[float, Field(gt=0, le=1000)]] = setting(
        {},
        "rewards",
        affects=("tokens", "training"),
        needs=objectives_that_read("rewards.weights"),
        also=("reward_funcs", "reward_weights"),
        picked="rewards",
        help=f"What an answer is worth: rewards and their weights, added up. There are {_NAMES}. What each gives is in "
        "the list that Enter opens in Compose, and in `tuitune rewards list`.",
        expected=f"rewards and their weights, such as json = 1, fields = 2; the rewards are {_NAMES}",
    )
    pattern: str = _setting("pattern", "", "pattern")
    """Regular expression that the whole answer matches, white space around it aside."""
    schema_file: str = _setting("schema_file", "", "schema file", names="file")
    """File with the JSON schema that answers have to fit; needs the package jsonschema."""
    shortest: int = _setting("shortest", 8, "shortest wanted", unit="tokens", ge=0, le=1_048_576)
    """Answers below it get no reward for their length: without a floor the model learns to say nothing."""
    longest: int = _setting("longest", 128, "longest wanted", unit="tokens", ge=1, le=1_048_576)
    """Answers up to it get the whole reward for their length."""
    margin: int = _setting("margin", 64, "overlong margin", unit="tokens", ge=1, le=1_048_576)
    """The last tokens before objective.answer_length, through which the overlong penalty grows to 1."""
    file: str = _setting("file", "", "Python file", names="file")
    """Python file with a function reward(prompt, completion, answer) that returns a number. It runs with your rights,
    in a process of its own."""
    approved: str = _setting("approved", "", "approved content")
    """The hash of the Python file as you have read it; another content is refused. The check says it."""
    seconds: float = _setting("seconds", 10.0, "time limit", unit="s", advanced=True, gt=0, le=3600)
    """Longest time that the rewards may take for one answer."""
    memory: int = _setting("memory", 1024, "memory limit", unit="MiB", advanced=True, ge=64, le=1_048_576)
    """Most memory that the process of the rewards may have."""

    @rule("weights")
    def _known(self) -> str | None:
        if strange := [name for name in self.weights if name not in REWARDS]:
            return f"unknown reward {shown(strange[0])}; the rewards are {', '.join(REWARDS)}"
        return None

    @rule("shortest", "longest")
    def _range(self) -> str | None:
        if "length" in self.weights and self.shortest > self.longest:
            return f"the shortest answer wanted is longer than the longest, {self.longest}; lower it"
        return None

    @rule("approved")
    def _approved(self) -> str | None:
        if not _MARK.fullmatch(self.approved):
            return f"{shown(self.approved)} is no hash of a file: 16 hexadecimal digits; the check says them"
        return None
