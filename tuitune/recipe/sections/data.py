"""The [data] table: the rows, how they are read, and what of them is learned."""

from __future__ import annotations

import os.path
import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from tuitune.recipe.declaration import Count, HeldOut, Section, rule, setting
from tuitune.recipe.sections.objective import objectives_that_read
from tuitune.recipe.values import shown
from tuitune.shapes import ROLES, TRAINABLE, shape_of

_MOST_MIXED = 0.9
_MARK = re.compile(r"[0-9a-f]{16}")
_ANSWER = re.compile(r"[0-9a-f]{16}:[1-9][0-9]{0,5}", re.ASCII)

if TYPE_CHECKING:
    ShapeName = str
else:
    ShapeName = Literal[("auto", *TRAINABLE)]


class DataSection(Section):
    """Data"""

    train: str = setting(
        "bundled:triage",
        "training data",
        affects="tokens",
        change="until it trains",
        names="data",
        picked="data",
        always=True,
        also=("dataset",),
        min_length=1,
    )
    """A file (json, jsonl, csv, tsv, txt, parquet, also .gz or .zst), a folder or pattern of files, an https address, a
    bundled set or a Hub data set."""
    mix: dict[str, Annotated[float, Field(gt=0, lt=1)]] = setting(
        {},
        "mixed in",
        affects="tokens",
        names="data",
        expected='data sets and their shares, such as "general.jsonl" = 0.15',
    )
    """Other data added to the training rows, each with its share of the total; 0.1 to 0.2 of general data guards
    against forgetting."""
    eval: HeldOut = setting(
        0.05,
        "held-out data",
        affects="tokens",
        change="until it trains",
        names="data",
        picked="data",
        expected="a fraction above 0 and at most 0.5, a file or set, or nothing",
    )
    """Rows kept for evaluation: a fraction of the training data, another file or set, or empty for none."""
    split: str = setting("train", "Hub split", affects="tokens", change="until it trains", advanced=True)
    """Which split of a Hub data set to train on."""
    shape: ShapeName = setting("auto", "shape", affects="tokens", change="until it trains")
    """Shape of the rows; auto recognises it."""
    columns: dict[str, str] = setting(
        {},
        "columns",
        affects="tokens",
        change="until it trains",
        help=f"Column of each role ({', '.join(ROLES[:-1])} or {ROLES[-1]}), for data with other "
        "column names. Where answers are learned, rows whose label marks theirs as bad are unusable.",
        expected='roles and their columns, such as prompt = "question", completion = "answer"',
        lines=True,
        advanced=True,
    )
    exclude: list[str] = setting(
        [], "dropped rows", affects="tokens", expected="marks of 16 hexadecimal digits", advanced=True
    )
    """Marks of rows to drop, written by the data workbench: a row's mark is a hash of its content, so it stays with the
    row when the file changes."""
    unlearned: list[str] = setting(
        [],
        "answers not learned",
        affects="tokens",
        needs=objectives_that_read("data.unlearned"),
        expected="marks of rows with the number of a turn, such as 0123456789abcdef:4",
        advanced=True,
    )
    """Answers that the model sees and does not learn, written by the mask inspector: the mark of the row and the number
    of the turn in it."""
    template: str = setting("", "chat template", affects="tokenizer", names="file", advanced=True)
    """File with a Jinja chat template; empty for the tokenizer's own."""
    left_out: Literal["report", "inline"] = setting("report", "dropped by template", affects="tokens", advanced=True)
    """A system turn or reasoning that the chat template drops: report names it and trains without it; inline writes it
    as text, the system turn before the first question, reasoning in <think> tags before its answer."""
    max_length: int = setting(
        512,
        "max length",
        affects="tokens",
        also=("max_seq_length", "max_seq_len", "cutoff_len"),
        unit="tokens",
        ge=8,
        le=1_048_576,
    )
    """Longest row; longer rows are cut, or dropped by cleaning.too_long."""
    packing: bool = setting(True, "packing", affects="rows", needs=objectives_that_read("data.packing"))
    """Put several documents into each row of a batch, which saves padding; each still attends only to itself."""
    loss_on: Literal["assistant", "completion", "all"] = setting(
        "assistant", "learn from", affects="tokens", needs=objectives_that_read("data.loss_on")
    )
    """Tokens that count in the loss: the assistant's turns, only the last answer, or every token."""
    limit: Count | None = setting(None, "limit", affects="tokens", unit="rows", advanced=True)
    """Use only the first rows of the training data; empty for all."""
    shuffle: bool = setting(True, "shuffle", affects=("rows", "training"), advanced=True)
    """Train on the rows in a random order, fixed by the seed."""

    @rule("eval", "train")
    def _same_rows(self) -> str | None:
        held_out, train = self.eval, self.train
        if isinstance(held_out, str) and _place(held_out) == _place(train):
            return "these are the training rows; name other data, or a fraction such as 0.05"
        return None

    @rule("mix", "train", "eval")
    def _mix(self) -> str | None:
        mix, held_out = self.mix, self.eval
        places = [_place(name) for name in mix]
        if any(not name.strip() for name in mix):
            return "a share has no data set; name a file or set, or remove it"
        if _place(self.train) in places:
            return "these are the training rows; name other data"
        if isinstance(held_out, str) and _place(held_out) in places:
            return "the held-out rows would be trained on; name other data"
        if len(set(places)) < len(places):
            return "one data set is named twice; give it one share"
        if (whole := sum(mix.values())) > _MOST_MIXED:
            return f"the shares add up to {whole:.4g}; at most {_MOST_MIXED} can be mixed in, and 0.1 to 0.2 is usual"
        return None

    @rule("exclude")
    def _exclude(self) -> str | None:
        strange = next((mark for mark in self.exclude if not _MARK.fullmatch(mark)), None)
        if strange is None:
            return None
        return f"{shown(strange)} is not a row mark; a mark has 16 lower-case hexadecimal digits"

    @rule("unlearned")
    def _unlearned(self) -> str | None:
        strange = next((one for one in self.unlearned if not _ANSWER.fullmatch(one)), None)
        if strange is None:
            return None
        return f"{shown(strange)} names no answer; it is a row's mark, a colon and the number of a turn"

    @property
    def unlearned_turns(self) -> dict[str, set[int]]:
        """The numbers of the turns in `unlearned` by the mark of their row."""
        found: dict[str, set[int]] = {}
        for mark, _, turn in (one.partition(":") for one in self.unlearned):
            found.setdefault(mark, set()).add(int(turn))
        return found

    @rule("limit", "eval")
    def _one_row(self) -> str | None:
        if self.limit == 1 and isinstance(self.eval, float):
            return 'one row cannot be split into training and held-out rows; raise the limit, or set data.eval = ""'
        return None

    @rule("columns", "shape")
    def _columns(self) -> str | None:
        columns = self.columns
        if not columns:
            return None
        if strange := [role for role in columns if role not in ROLES]:
            known = ", ".join(ROLES)
            return f"unknown role {shown(strange[0])}; the roles are {known}, each with the name of its column"
        if empty := [role for role, column in columns.items() if not column.strip()]:
            return f"the column for {empty[0]} has no name; name one, or remove the role"
        if "text" in columns and len(columns) > 1:
            return "text cannot be combined with other roles; map either text, or prompt and completion"
        shape = shape_of(columns) if self.shape == "auto" else self.shape
        roles = TRAINABLE[shape].roles
        if strange := [role for role in columns if role not in roles.names]:
            takes = " and ".join(roles.needed or roles.names)
            return f"the shape {shape} has no {strange[0]}, only {takes}; remove the column, or change the shape"
        if missing := [role for role in roles.needed if role not in columns]:
            return f'{missing[0]} has no column; add {missing[0]} = "…"'
        if len(set(columns.values())) < len(columns):
            return "one column has two roles; give each role its own column"
        return None


def _place(name: str) -> str:
    try:
        return name if ":" in name else os.path.abspath(os.path.expanduser(name))  # noqa: PTH100, PTH111
    except ValueError:
        return name
