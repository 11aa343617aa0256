"""The pickers in which a path can be typed: what lies there is listed in the background, and Tab completes it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.message import Message
from textual.worker import get_current_worker

from tuitune.tui.widgets.dialogs import Result
from tuitune.tui.widgets.picker import Picker
from tuitune.views.file_listing import Listing, completion, list_files


class PathPicker(Picker[Result]):
    """Base of these pickers: they make their rows in `show`. Relative paths start at `base`."""

    FILES: ClassVar[bool] = True
    """Whether data files are listed beside folders."""

    class Listed(Message):
        """What lies at a typed text has been listed."""

        def __init__(self, typed: str, listing: Listing) -> None:
            super().__init__()
            self.typed = typed
            self.listing = listing

    def __init__(self, title: str, placeholder: str, base: Path) -> None:
        super().__init__(title, placeholder, "type a path · Tab complete · ↑↓ move · Enter use · Esc back")
        self.base = base
        self.listing = Listing()
        self._listed: str | None = None

    def on_mount(self) -> None:
        self.narrow("")

    def show(self, typed: str, listing: Listing) -> None:
        """List what goes with `typed`; `listing` is what lies there."""
        raise NotImplementedError

    def narrow(self, text: str) -> None:
        self._list(text.strip())

    @work(thread=True, exclusive=True, group="list", exit_on_error=False)
    def _list(self, typed: str) -> None:
        worker = get_current_worker()
        listing = list_files(typed, self.base, files=self.FILES, cancelled=lambda: worker.is_cancelled)
        if not worker.is_cancelled:
            self.post_message(self.Listed(typed, listing))

    @on(Listed)
    def _was_listed(self, event: Listed) -> None:
        if event.typed == self.line.value.strip():
            self._take(event.typed, event.listing)

    def settle(self) -> None:
        typed = self.line.value.strip()
        if typed != self._listed:
            self._take(typed, list_files(typed, self.base, files=self.FILES))

    def _take(self, typed: str, listing: Listing) -> None:
        self._listed, self.listing = typed, listing
        self.show(typed, listing)

    def complete(self, key: str) -> None:
        longer = completion(self.line.value, self.listing.entries) if self.listing.entries else key
        self.type(longer if longer != self.line.value else key)

    def type(self, text: str) -> None:
        """Put `text` in the line, as if it had been typed."""
        self.line.value = text
        self.line.cursor_position = len(text)
