"""What the model answers to fixed prompts as it learns: one prompt, its first answer and one step's, changes marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tuitune.runs.store.records.samples import Sample
from tuitune.text import clean
from tuitune.tui.widgets.word_diff import changed_spans

Page = tuple[str, Content]
"""A title and a text."""

TEXT_LIMIT = 6_000
FOREIGN = 1_000_000
"""Indices from here on are of prompts that are none of the recipe's."""

_TITLE, _HANGING = 18, 2
_BROAD = 64
"""Cells from which on the texts stand in a column of their own, right of the titles."""


@dataclass(frozen=True)
class ShownSample:
    """One answer: the step it was made at, and which of the run's stages ("base", "during", "tuned").

    `index` is the prompt's number in the recipe, or one of its own; `asked`: somebody wanted it while the run trained.
    """

    step: int
    index: int
    label: str
    prompt: str
    answer: str
    asked: bool

    @classmethod
    def of(cls, sample: Sample) -> ShownSample | None:
        """The sample of a record, its texts made safe; None for a record that is none."""
        if sample.step is None or sample.index is None or sample.prompt is None or sample.answer is None:
            return None
        label = sample.label if sample.label in ("base", "during", "tuned") else ""
        asked = sample.nonce is not None
        return cls(sample.step, sample.index, label, _shown(sample.prompt), _shown(sample.answer), asked)

    @property
    def foreign(self) -> bool:
        """Whether the prompt is none of the recipe's."""
        return self.index >= FOREIGN

    @property
    def title(self) -> str:
        words = {"base": "base model", "tuned": f"step {self.step} · tuned"}.get(self.label, f"step {self.step}")
        return f"{words} · asked" if self.asked else words


class SampleBook:
    """The samples of a run by prompt, with a place in them: it stays on the newest answer until it is moved."""

    def __init__(self) -> None:
        self._answers: dict[tuple[int, str], list[ShownSample]] = {}
        self._taken = 0
        self._prompt = 0
        self._place: int | None = None

    def take(self, records: Sequence[Sample], *, anew: bool = False) -> bool:
        """Add what `records` has gained since the last call, or `anew` all of it; whether that changed anything."""
        if anew:
            self._answers, self._taken = {}, 0
        fresh = [sample for record in records[self._taken :] if (sample := ShownSample.of(record))]
        self._taken = len(records)
        for sample in fresh:
            self._answers.setdefault((sample.index, sample.prompt), []).append(sample)
        self._prompt = min(self._prompt, max(len(self._answers) - 1, 0))
        return bool(fresh) or anew

    @property
    def prompts(self) -> int:
        """How many prompts have been answered."""
        return len(self._answers)

    @property
    def answers(self) -> list[ShownSample]:
        """The answers to the prompt in view, in the order they were made."""
        return list(self._answers.values())[self._prompt] if self._answers else []

    @property
    def place(self) -> int:
        """Which of `answers` is in view."""
        newest = len(self.answers) - 1
        return newest if self._place is None else min(self._place, newest)

    @property
    def title(self) -> str:
        """`prompt 1/3 · answer 4/5`: where in the samples the view is."""
        if not self._answers:
            return ""
        asked = "asked " if self.answers[0].foreign else ""
        return f"{asked}prompt {self._prompt + 1}/{self.prompts} · answer {self.place + 1}/{len(self.answers)}"

    def walk(self, by: int) -> None:
        """Earlier (negative) or later answers of the same prompt."""
        place = min(max(self.place + by, 0), len(self.answers) - 1)
        self._place = None if place == len(self.answers) - 1 else place

    def next_prompt(self) -> None:
        if self._answers:
            self._prompt = (self._prompt + 1) % self.prompts

    def show_asked(self, prompt: str) -> None:
        """Turn to the newest answer to a prompt that was asked; to that of the recipe's in view where it is ""."""
        wanted, keys = _shown(prompt), list(self._answers)
        place = next((place for place, (index, text) in enumerate(keys) if index >= FOREIGN and text == wanted), None)
        if place is not None:
            self._prompt = place
        if place is not None or not prompt:
            self._place = None

    @property
    def last_asked(self) -> str:
        """The prompt of its own that the run was asked last; "" where it was asked none."""
        asked = [answers[-1] for answers in self._answers.values() if answers[-1].foreign]
        return max(asked, key=lambda sample: sample.step).prompt if asked else ""

    def pages(self) -> list[Page]:
        """Titles and texts to show: the prompt, the first answer, and the answer in view with its changes marked."""
        answers = self.answers
        if not answers:
            return []
        shown, before = answers[self.place], answers[self.place - 1] if self.place else None
        pages = [("asked" if shown.foreign else "prompt", Content(shown.prompt.strip()))]
        if self.place > 0:
            pages.append((answers[0].title, Content.styled(answers[0].answer.strip(), "$faint")))
        text = Content(shown.answer.strip())
        for start, stop in changed_spans(text.plain, before.answer.strip()) if before else ():
            text = text.stylize("bold $accent", start, stop)
        pages.append((shown.title, text or Content.styled("(empty answer)", "$faint")))
        return pages


def _shown(text: str) -> str:
    return clean(text, limit=TEXT_LIMIT, newlines=True)


class SamplesView(VerticalScroll, can_focus=True):
    """Draws a `SampleBook`; the walk through it belongs to the screen's keys."""

    DEFAULT_CSS = """
    SamplesView { height: 1fr; }
    SamplesView Static { height: auto; text-wrap: nowrap; text-overflow: clip; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.book = SampleBook()
        self.empty = ""

    def compose(self) -> ComposeResult:
        yield Static()

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        pages, (width, height) = self.book.pages(), self.content_size
        if not pages:
            self.query_one(Static).update(Content.styled(self.empty, "$faint"))
            return
        lines = laid_out(pages, width, height)
        if len(lines) > height:
            lines = laid_out(pages, width - self.scrollbar_size_vertical, height)
        self.query_one(Static).update(Content("\n").join(lines))


def laid_out(pages: Sequence[Page], width: int, height: int) -> list[Content]:
    """The pages as lines of `width` cells. The last one is never cut; the others share what it leaves of `height`,
    a line each at least.
    """
    *others, last = (_lines(page, width) for page in pages)
    room = height - len(last)
    for number, page in enumerate(others):
        fair = max(room // (len(others) - number), 1)
        cut = page if sum(map(len, others[number:])) <= room else _cut(pages[number], width, fair)
        room -= len(cut)
        others[number] = cut
    return [line for page in (*others, last) for line in page]


def _lines(page: Page, width: int) -> list[Content]:
    """The title, then the text in lines that hang below its beginning."""
    title, text = page
    indent = _TITLE if width >= _BROAD else _HANGING
    head = Content.styled(title, "bold").pad_right(max(indent - len(title), 2))
    paragraphs = (head[indent:] + text).split("\n")
    first, *more = (line for paragraph in paragraphs for line in paragraph.wrap(max(width - indent, 1)))
    return [head[:indent] + first, *(line.pad_left(indent) for line in more)]


def _cut(page: Page, width: int, height: int) -> list[Content]:
    """The page as one paragraph in `height` lines at most."""
    title, text = page
    lines = _lines((title, Content(" ⏎ ").join(part for part in text.split("\n") if part)), width)
    if len(lines) > height:
        lines = [*lines[: height - 1], lines[height - 1].truncate(width - 1) + "…"]
    return lines
