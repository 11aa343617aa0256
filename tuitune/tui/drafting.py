"""The draft of the app: on disk a moment after each change, dropped once it has become a run."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from textual.worker import Worker

from tuitune.recipe.schema import Recipe
from tuitune.views.draft import Draft, Version
from tuitune.views.kept_draft import KeptDraft, LeftBehind, take

if TYPE_CHECKING:
    from tuitune.tui.app import TuituneApp

_SETTLE_SECONDS = 0.3


class Drafting:
    """Holds the draft while its screen is left, and its file for as long as the app is there."""

    def __init__(self, app: TuituneApp) -> None:
        self.draft: Draft | None = None
        self._app = app
        self._base = Path.cwd()
        self._kept = KeptDraft()
        self._unsaved: Version | None = None
        self._writer: Worker[None] | None = None

    def begin(self, recipe: Recipe | None = None) -> Draft:
        """A new draft, from `recipe` or from the defaults."""
        return self._use(Draft(recipe), KeptDraft())

    def resume(self, found: LeftBehind) -> Draft:
        """Go on with a draft that was left behind. TuituneError where another screen has taken it."""
        kept, version = take(found, self._base)
        return self._use(Draft.of(version), kept)

    def _use(self, draft: Draft, kept: KeptDraft) -> Draft:
        self.draft, self._kept = draft, kept
        draft.told = self.keep
        return draft

    def end(self) -> None:
        """The draft has become a run: nothing of it is kept."""
        self.draft = self._unsaved = None
        self._kept.drop()

    def keep(self, version: Version) -> None:
        """Have `version` on disk in a moment; it may hold what is typed and not entered yet."""
        self._unsaved = version
        if self._writer is None or self._writer.is_finished:
            self._writer = self._app.run_worker(self._write(), name="Saving the draft", exit_on_error=False)

    async def _write(self) -> None:
        while self._unsaved is not None:
            await asyncio.sleep(_SETTLE_SECONDS)
            if (version := self._unsaved) is not None:
                self._unsaved = None
                await asyncio.to_thread(self._save, version)

    def flush(self) -> None:
        """Write at once what is not on disk yet: the app ends."""
        if self._unsaved is not None:
            self._save(self._unsaved)

    def _save(self, version: Version) -> None:
        try:
            self._kept.save(version, self._base)
        except OSError as error:
            reason = f"The draft was not saved: {error.strerror or error}"
            self._app.call_later(lambda: self._app.notify(reason, severity="warning"))
