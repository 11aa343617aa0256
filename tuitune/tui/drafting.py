"""The draft of the app: on disk a moment after each change, dropped once it has become a run."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.app import App
from textual.worker import Worker

from tuitune.recipe.schema import Recipe
from tuitune.views.draft import Draft, Version
from tuitune.views.kept_draft import KeptDraft, LeftBehind, take

_SETTLE_SECONDS = 0.3


class Drafting:
    """Holds the draft while its screen is left, and its file for as long as the app is there."""

    def __init__(self, app: App[str]) -> None:
        self.draft: Draft | None = None
        self._app = app
        self._base = Path.cwd()
        self._kept = KeptDraft()
        self._unsaved: Version | None = None
        self._writer: Worker[None] | None = None

    def take_up(self, recipe: Recipe | None = None) -> Draft:
        """The draft in hand, with `recipe` as its next step; a new one from `recipe` or the defaults without one."""
        if self.draft is None:
            return self.begin(recipe)
        if recipe is not None:
            self.draft.replace(recipe)
        return self.draft

    def begin(self, recipe: Recipe | None = None) -> Draft:
        """A new draft, from `recipe` or from the defaults."""
        return self._use(Draft(recipe), KeptDraft())

    def resume(self, found: LeftBehind) -> Draft:
        """Go on with a draft that was left behind. TuituneError where another screen has taken it."""
        kept, version = take(found, self._base)
        return self._use(Draft(version), kept)

    def _use(self, draft: Draft, kept: KeptDraft) -> Draft:
        self._let_go()
        self.draft, self._kept = draft, kept
        draft.told = self.keep
        return draft

    def _let_go(self) -> None:
        """What is still done to the draft in hand until now is kept no more."""
        if self.draft is not None:
            self.draft.told = lambda version: None
        self.draft = None

    def end(self) -> None:
        """The draft has become a run: nothing of it is kept."""
        self._let_go()
        self._unsaved = None
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
