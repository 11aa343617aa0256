"""What the figures of a scan say about training on the data, in sentences that name the figure and the way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tuitune.data.scan.sample import LOST, SHORT, Hint, ScanSample
from tuitune.data.scan.tally import Tally
from tuitune.text import clean
from tuitune.units import percent_text

TASKS = {
    "style": (100, 1_000),
    "behaviour": (500, 5_000),
    "domain language": (1_000, 5_000),
    "new task": (5_000, 10_000),
}
"""What is learned → rows it takes at least, and rows that are recommended (the field's rules of thumb)."""

_CLASSES = 50
_FEW = 50
_OVER_LONG = 100_000
PERSONAL = {
    "email": "an e-mail address",
    "phone": "a phone number",
    "card": "a possible payment card number",
    "iban": "a bank account number (IBAN)",
    "key": "a possible secret key or token",
}
"""Kinds of personal data that are hinted at, in words."""

Advice = dict[str, str]

UNREADABLE = "unreadable"
"""The advice on data of which no row could be read; there is no other then."""


def advise(total: Tally, duplicates: int, languages: Mapping[str, float], unreadable: str = "") -> list[Advice]:
    """The advice, what weighs most first; `level` is warning or info. `unreadable`: why no row could be read."""
    if unreadable:
        return [_advice(UNREADABLE, unreadable, warning=True)]
    found = [
        *_on_values(total),
        *_on_hints(total.sample),
        *_on_judgements(total),
        *_on_repeats(total, duplicates),
        *_on_classes(total.sample),
        *_on_lengths(total),
        *_on_languages(languages),
        *_on_rows(total),
    ]
    return sorted(found, key=lambda one: one["level"] != "warning")


def _advice(id: str, message: str, *, warning: bool = False) -> Advice:
    return {"id": id, "level": "warning" if warning else "info", "message": message}


def _on_values(total: Tally) -> Iterator[Advice]:
    for name, hint in total.numbers.items():
        rows = f"{hint.count:,} row{'' if hint.count == 1 else 's'}"
        message = f"a number in the column {clean(name, limit=60)} is learned as text, digit by digit: {rows}"
        yield _advice("numbers", f"{message} ({_named(hint)})")
    for name, hint in total.unread.items():
        message = f"{clean(name, limit=60)} is not read and so not learned"
        yield _advice("unread", f"{message} ({_named(hint)})", warning=True)


def _on_judgements(total: Tally) -> Iterator[Advice]:
    for doubt, hint in total.doubts.items():
        rows = f"{hint.count:,} {'row' if hint.count == 1 else 'rows'}"
        message = f'answers that {doubt}: {rows} ({_named(hint)}); cleaning.doubtful = "drop" drops them'
        yield _advice("doubtful", message, warning=hint.count >= 0.01 * total.rows)
    if len(total.labels) == 1 and total.labels.total() > 1:
        called, missing = ("good", "bad") if True in total.labels else ("bad", "good")
        message = f"every answer is called {called}: nothing shows what makes one {missing}. Add {missing} answers"
        yield _advice("one-label", message, warning=True)


def _on_rows(total: Tally) -> Iterator[Advice]:
    usable = total.rows - total.kinds.total()
    enough = [task for task, (least, _) in TASKS.items() if usable >= least]
    ample = [task for task, (_, wanted) in TASKS.items() if usable >= wanted]
    if total.turns and len(ample) < len(TASKS):
        short = [f"{task} {least:,} ({wanted:,})" for task, (least, wanted) in TASKS.items() if task not in ample]
        rows = "1 usable row is" if usable == 1 else f"{usable:,} usable rows are"
        known = f"enough for {', '.join(enough)}" if enough else "too few"
        message = f"{rows} {known}. Minimum (recommended): {', '.join(short)}"
        yield _advice("rows", message, warning=not enough)


def _on_repeats(total: Tally, duplicates: int) -> Iterator[Advice]:
    if duplicates:
        share = duplicates / total.rows
        rows = "1 row repeats" if duplicates == 1 else f"{duplicates:,} rows ({percent_text(share)}) repeat"
        message = f"{rows} an earlier one; cleaning.duplicates drops them"
        yield _advice("duplicates", message, warning=share >= 0.01)


def _on_classes(sample: ScanSample) -> Iterator[Advice]:
    answers, seen = sample.short_answers, sample.short_answers.total()
    if sample.rows < _FEW or not 2 <= len(answers) <= _CLASSES or seen < 0.8 * sample.rows:
        return
    (most, often), (least, seldom) = answers.most_common(1)[0], answers.most_common()[-1]
    if often >= 0.5 * seen and often >= 5 * seldom:
        message = (
            f"the answers are {len(answers)} classes, {percent_text(often / seen)} of them '{clean(most, limit=30)}' "
            f"and {percent_text(seldom / seen)} '{clean(least, limit=30)}': the model favours the most common. Balance "
            "them, or evaluate each class"
        )
        yield _advice("class-imbalance", message, warning=True)


def _on_lengths(total: Tally) -> Iterator[Advice]:
    answers, median = total.answers, total.answers.median()
    if total.characters.longest > _OVER_LONG:
        row, longest = total.characters.longest_row, total.characters.longest
        yield _advice("over-long", f"row {row:,} has {longest:,} characters, far more than training keeps")
    if answers.counts.total() < _FEW or not median:
        return
    share = 1 - answers.share_below(10 * median)
    if share >= 0.02:
        message = (
            f"{percent_text(share)} of the answers are over ten times as long as the median ({median:,} characters): "
            "every token counts the same, so the long answers dominate"
        )
        yield _advice("length-imbalance", message)
    short = answers.share_below(SHORT)
    if 0.02 <= short < 0.5:
        seen = total.sample.hints.get("short")
        length = f"under {SHORT} characters" + (f" ({_named(seen)})" if seen else "")
        message = f"{percent_text(short)} of the answers are {length}; cleaning.shortest can drop them"
        yield _advice("short-answers", message)


def _on_languages(languages: Mapping[str, float]) -> Iterator[Advice]:
    mixed = {code: share for code, share in languages.items() if share >= 0.05}
    if len(mixed) > 1:
        listed = ", ".join(f"{code} {percent_text(share)}" for code, share in mixed.items())
        yield _advice("languages", f"several languages: {listed}; the model answers in each as often as it sees it")


def _on_hints(sample: ScanSample) -> Iterator[Advice]:
    people = sample.hints.get("people", Hint())
    if people.count >= 10 and people.count >= 0.1 * sample.rows:
        message = (
            f"{people.count:,} of {sample.rows:,} sampled rows seem to decide about people ({_named(people)}): a model "
            "learns the bias in such decisions, and removing single words does not remove it. Compare its answers "
            "across groups before use"
        )
        yield _advice("people", message, warning=True)
    for kind in filter(PERSONAL.__contains__, sample.hints):
        message = f"{_seen(sample, kind, PERSONAL[kind])}; a model can repeat its training data"
        yield _advice(f"personal-{kind}", message, warning=True)
    if "control" in sample.hints:
        yield _advice("control-characters", _seen(sample, "control", "control or invisible characters"))
    if "lost" in sample.hints:
        found = _seen(sample, "lost", f"{LOST} (U+FFFD) where a character was lost")
        message = f"{found}; export the text again as UTF-8, or drop these rows"
        yield _advice("lost-characters", message, warning=True)


def _seen(sample: ScanSample, kind: str, what: str) -> str:
    hint = sample.hints[kind]
    has = "has" if hint.count == 1 else "have"
    return f"{hint.count:,} of {sample.rows:,} sampled rows {has} {what} ({_named(hint)})"


def _named(hint: Hint, most: int = 5) -> str:
    listed = ", ".join(f"{row:,}" for row in hint.rows[:most])
    return f"row{'s' if hint.count > 1 else ''} {listed}{', …' if hint.count > most else ''}"
