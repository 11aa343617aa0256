"""The records of metrics.jsonl, which the engine alone writes. docs/run-directory.md says when."""

from __future__ import annotations

from tuitune.runs.store.records.line import (
    Count,
    Flag,
    Line,
    Named,
    Number,
    Parts,
    Seconds,
    Table,
    Text,
    Texts,
    is_number,
)


class Phase(Line, kind="phase"):
    """What the engine is about to do, and how far it has come where that is known."""

    phase: Text = ""
    text: Text = ""
    done: Number = None
    total: Number = None
    unit: Text = ""


class Plan(Line, kind="plan"):
    """What training comes to."""

    total_steps: Count = None
    steps_per_epoch: Count = None
    train_rows: Count = None
    eval_rows: Count = None
    dropped_rows: Count = None
    train_tokens: Number = None
    trainable_parameters: Number = None
    total_parameters: Number = None
    device: Text = ""
    dtype: Text = ""
    attention: Text = ""


class Step(Line, kind="step"):
    """Training since the last record: with these the metrics of `tuitune.metrics`. There are a million of them, so
    they are read as columns, never as objects.
    """

    step: Count = None
    epoch: Number = None
    tokens: Number = None
    step_seconds: Seconds = None
    peak_memory_bytes: Number = None
    reserved_memory_bytes: Number = None
    context_memory_bytes: Number = None


class Evaluation(Line, kind="eval"):
    """The held-out loss; figures on one `basis` compare. `perplexity` is None of a loss that is no mean over tokens.
    Other metrics that were measured stand in `extra`.
    """

    step: Count = None
    epoch: Number = None
    loss: Number = None
    perplexity: Number = None
    tokens: Number = None
    rows: Count = None
    seconds: Seconds = None
    label: Text = ""
    basis: Named = None


class Answered(Line, kind="answers"):
    """Held-out rows answered: the shares of exact answers and of valid JSON."""

    step: Count = None
    label: Text = ""
    basis: Named = None
    rows: Count = None
    exact: Number = None
    valid_json: Number = None


class Saved(Line, kind="checkpoint"):
    """A checkpoint on disk."""

    step: Count = None
    path: Text = ""
    bytes: Number = None
    seconds: Seconds = None
    healthy: Flag = None


class Resumed(Line, kind="resumed"):
    """The run goes on after `step`. `checkpoint` is None where that is its beginning."""

    step: Count = None
    checkpoint: Named = None
    exact: Flag = None
    reasons: Texts = ()
    skipped: Parts = ()

    @property
    def passed_over(self) -> list[tuple[str, str]]:
        """The checkpoints that could not be used: their names, and why."""
        return [(str(one.get("path") or "").rpartition("/")[2], str(one.get("reason") or "")) for one in self.skipped]


class Tuned(Line, kind="tuned"):
    """Settings that hold from the step after `step` on."""

    nonce: Text = ""
    step: Count = None
    changes: Table = None


class Done(Line, kind="done"):
    """The engine's answer to a request."""

    nonce: Text = ""
    verb: Text = ""
    ok: Flag = None
    message: Text = ""
    step: Count = None


class Alert(Line, kind="alert"):
    """Something that a person should know: `level` is info, warning or error."""

    id: Text = ""
    level: Text = ""
    message: Text = ""
    step: Count = None


class Artefact(Line, kind="artefact"):
    """The result, whole on disk."""

    path: Text = ""
    files: Parts = ()
    reload_difference: Number = None

    @property
    def sizes(self) -> dict[str, float]:
        """Bytes by name of a file."""
        named = ((file.get("name"), file.get("bytes")) for file in self.files)
        return {name: size if is_number(size) else 0 for name, size in named if name and isinstance(name, str)}


class End(Line, kind="end"):
    """The engine's own word on how it ended."""

    outcome: Text = ""
    reason: Named = None
    step: Count = None
    cause: Named = None
