"""Everything a key can do, declared once: key bindings, the key bar, the help screen, the palette and the README's key
table are all made from this list.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual.binding import Binding, BindingType
from textual.keys import format_key

HOME = "runs"
EVERYWHERE = "everywhere"
SCREENS = {
    HOME: "Runs",
    "compose": "Compose",
    "workbench": "Data workbench",
    "mask": "Mask inspector",
    "monitor": "Monitor",
    EVERYWHERE: "Everywhere",
}
"""Where keys work, with its title, in the order of docs/keys.md."""


@dataclass(frozen=True)
class Action:
    """A key and what it does on one screen.

    `name` is the Textual action it runs (`action_<name>` of the screen, or of the app for `EVERYWHERE`), `label` its
    one or two words in the key bar, where `shown` puts it, and `help` its line on the help screen. `number` is what it
    runs with, where several keys run the same action.
    """

    screen: str
    name: str
    keys: str
    label: str
    help: str
    shown: bool = True
    number: int | None = None

    @property
    def display_key(self) -> str:
        return " ".join(_KEY_NAMES.get(key) or format_key(key) for key in self.keys.split(","))

    @property
    def command(self) -> str:
        """What the key is bound to. A screen's keys say why an action is not available instead of doing nothing."""
        if self.screen == EVERYWHERE:
            return self.name
        return f"perform('{self.name}')" if self.number is None else f"perform('{self.name}', {self.number})"


_KEY_NAMES = {
    "enter": "Enter", "escape": "Esc", "tab": "Tab", "shift+tab": "⇧Tab", "space": "Space", "f1": "F1", "ctrl+p": "^p",
    "ctrl+down": "^↓", "ctrl+up": "^↑",
}  # fmt: skip


def _numbered(screen: str, name: str, *words: tuple[str, str]) -> list[Action]:
    """An action run by the digits from 1 on, each with its label and its help."""
    return [
        Action(screen, name, str(number), label, line, shown=False, number=number)
        for number, (label, line) in enumerate(words, 1)
    ]


_DECLARED: tuple[Action, ...] = (
    Action(EVERYWHERE, "help", "question_mark,f1", "help", "Every key of this screen"),
    Action(EVERYWHERE, "command_palette", "ctrl+p,colon", "palette", "Any action by name, and themes", shown=False),
    Action(EVERYWHERE, "leave", "escape", "back", "Back one level; never quits", shown=False),
    Action("runs", "new", "n", "new", "Compose a new run"),
    Action("runs", "open", "enter", "open", "Watch the run under the cursor"),
    Action("runs", "again", "a", "again", "Compose a new run from this one's recipe"),
    Action("runs", "filter", "slash", "filter", "Show only runs whose name, model, data or state matches"),
    Action("runs", "quit", "q", "quit", "Quit tuitune; runs keep running"),
    Action("runs", "resume", "r", "resume", "Resume an ended or paused run; a finished one asks for total epochs"),
    Action("runs", "pause", "P", "pause", "Checkpoint at the next step and free the device; r resumes from there"),
    Action("runs", "stop", "S", "stop", "Stop the run at its next step and save its adapter"),
    Action("runs", "edit", "e", "edit", "Change the recipe of a queued run"),
    Action("runs", "queue_earlier", "less_than_sign", "earlier", "Move a queued run up one place"),
    Action("runs", "queue_later", "greater_than_sign", "later", "Move a queued run down one place"),
    Action("runs", "delete", "d", "delete", "Delete an ended run and its adapter; asks you to type its name"),
    Action("runs", "kill", "K", "kill", "Stop a run, by force if it does not respond; asks you to type its name"),
    Action("runs", "demo", "D", "demo", "Fine-tune the bundled model: two minutes, nothing to download"),
    Action("compose", "preset", "p", "preset", "Fill the adapter and training settings from a preset"),
    Action("compose", "pick", "enter", "edit/pick", "Edit the field; on model and data, open the picker"),
    Action("compose", "launch", "L", "launch", "Check everything, then start the run"),
    Action("compose", "preview", "d", "data", "The data workbench: rows, problems, cleaning, tokens"),
    Action("compose", "fresh", "N", "new", "Start over from the defaults"),
    Action("compose", "reset_field", "r", "reset", "Reset the field to its default"),
    Action("compose", "undo", "u", "undo", "Undo the last change"),
    Action("compose", "redo", "U", "redo", "Redo the change you undid", shown=False),
    Action("compose", "advanced", "v", "advanced", "Show or hide the advanced settings"),
    Action("compose", "toml", "t", "toml", "The recipe as TOML"),
    Action("compose", "fix", "x", "fix", "Apply the fix of the advice under the cursor, or of the first one"),
    Action("compose", "save", "w", "save", "Write the recipe to a file", shown=False),
    Action("compose", "section_next", "right_square_bracket", "next section", "Next section", shown=False),
    Action("compose", "section_previous", "left_square_bracket", "previous section", "Previous section", shown=False),
    Action("workbench", "look", "enter", "open", "Open what is under the cursor: a row's mask, examples"),
    Action("workbench", "leave_out", "x", "drop", "Drop the row from training, or put it back; apply a fix"),
    Action("workbench", "mask", "i", "mask", "The row as tokens, the trained ones highlighted"),
    Action("workbench", "mapping", "m", "map", "Map columns to roles; what to do about a refused shape"),
    Action("workbench", "next_problem", "n", "next problem", "Next unusable row"),
    Action("workbench", "previous_problem", "N", "previous problem", "Previous unusable row", shown=False),
    Action("workbench", "switch", "space", "switch", "Turn the cleaning step on or off, or take its next choice"),
    Action("workbench", "more", "plus,equals_sign", "more", "Raise the cleaning step's value", shown=False),
    Action("workbench", "less", "minus", "less", "Lower the cleaning step's value", shown=False),
    Action("workbench", "leave_out_all", "X", "drop bad rows", "Drop all unusable rows, or refuse them again"),
    Action("workbench", "filter", "slash", "filter", "Show only problems with these words in message or field"),
    Action("workbench", "kind", "f", "kind", "Show only problems of the next kind"),
    Action("workbench", "export", "e", "export", "Export the problems to a file, one JSON object per line"),
    Action("workbench", "original", "o", "original", "The row as in the file, or as training reads it"),
    Action("workbench", "page_next", "right_square_bracket", "next page", "The next 200 rows or problems", shown=False),
    Action("workbench", "page_previous", "left_square_bracket", "previous page", "The previous 200", shown=False),
    Action("workbench", "go_to", "number_sign", "row", "Go to a row by its number", shown=False),
    Action("workbench", "source", "s", "source", "Look at other data of the recipe: mixed in, held out", shown=False),
    Action("workbench", "scroll_down", "J,ctrl+down", "scroll", "Scroll the row below the list", shown=False),
    Action("workbench", "scroll_up", "K,ctrl+up", "scroll up", "Scroll the row back up", shown=False),
    Action("workbench", "undo", "u", "undo", "Undo the last change"),
    Action("workbench", "redo", "U", "redo", "Redo the change you undid", shown=False),
    Action("workbench", "save", "w", "save", "Write the recipe to a file", shown=False),
    Action("workbench", "next_view", "tab", "next view", "Next view", shown=False),
    Action("workbench", "previous_view", "shift+tab", "previous view", "Previous view", shown=False),
    *_numbered(
        "workbench",
        "view",
        ("rows", "The rows, 200 a page, one of them in full"),
        ("problems", "Unusable rows and why"),
        ("cleaning", "Cleaning steps and what each does to the rows"),
        ("tokens", "Token lengths, verdicts, rows without labels"),
        ("advice", "Amount, balance, languages, personal data"),
    ),
    Action("mask", "odd_next", "n", "next odd", "Next odd row: without labels, cut, or odd in another way"),
    Action("mask", "odd_previous", "N", "previous odd", "Previous odd row", shown=False),
    Action("mask", "row_next", "right_square_bracket", "next row", "Next row"),
    Action("mask", "row_previous", "left_square_bracket", "previous", "Previous row"),
    Action("mask", "fix", "x", "fix", "Apply the first fix that a verdict offers"),
    Action("mask", "answer_next", "right_curly_bracket", "next answer", "Next trained answer"),
    Action("mask", "answer_previous", "left_curly_bracket", "previous answer", "Previous trained answer", shown=False),
    Action("mask", "learn", "w", "learn", "Learn the answer under the cursor, or have it as context"),
    Action("mask", "rendered", "r", "rendered", "The row as the chat template renders it, before tokenization"),
    Action("mask", "numbers", "t", "ids", "Tokens as vocabulary ids, or as text"),
    Action("mask", "verdicts", "v", "verdicts", "Every verdict in full"),
    Action("monitor", "pause", "P", "pause", "Checkpoint at the next step and free the device; r resumes from there"),
    Action("monitor", "stop", "S", "stop & save", "Stop at the next step and save the adapter"),
    Action("monitor", "resume", "r", "resume", "Resume the run; a finished one asks for total epochs"),
    Action("monitor", "usage", "u", "use it", "How to use the result from Python; copies the code"),
    Action("monitor", "zoom_pane", "z", "zoom", "Show the focused pane full screen, or all panes again"),
    Action("monitor", "checkpoint", "C", "checkpoint", "Save a checkpoint at the next step"),
    Action("monitor", "evaluate", "E", "evaluate", "Evaluate on the held-out rows at the next step"),
    Action("monitor", "sample_now", "G", "sample", "Sample your prompt, or the recipe's, at the next step"),
    Action("monitor", "tune", "T", "tune", "Change learning rate, cadences, prompts or limits while it trains"),
    Action("monitor", "again", "a", "again", "Compose a new run from this one's recipe"),
    Action("monitor", "zoom_in", "plus,equals_sign", "x in", "Show fewer steps, wider apart", shown=False),
    Action("monitor", "zoom_out", "minus", "x out", "Show more steps", shown=False),
    Action("monitor", "pan_left", "H", "pan left", "Earlier steps", shown=False),
    Action("monitor", "pan_right", "L", "pan right", "Later steps", shown=False),
    Action("monitor", "fit", "0", "all", "The whole run again"),
    Action("monitor", "follow", "f", "follow", "Keep the newest step in view"),
    Action("monitor", "log_scale", "y", "log y", "Logarithmic y axis"),
    Action("monitor", "smooth", "s", "smooth", "More smoothing, then none"),
    Action("monitor", "x_axis", "x", "x axis", "x by step, tokens or time"),
    Action("monitor", "mark", "m", "mark", "A vertical mark at the newest step, on every chart", shown=False),
    Action("monitor", "sample_earlier", "left_square_bracket", "earlier sample", "Earlier sample", shown=False),
    Action("monitor", "sample_later", "right_square_bracket", "later sample", "Later sample", shown=False),
    Action("monitor", "sample_prompt", "p", "prompt", "Next prompt of the samples", shown=False),
    Action("monitor", "recipe", "t", "toml", "The run's recipe"),
    Action("monitor", "copy_path", "c", "copy path", "Copy the path of the adapter, or of the run", shown=False),
    Action("monitor", "kill", "K", "kill", "Stop the run, by force if it does not respond; asks you to type its name"),
    Action("monitor", "next_pane", "tab", "next pane", "Next pane", shown=False),
    Action("monitor", "previous_pane", "shift+tab", "previous pane", "Previous pane", shown=False),
    *_numbered(
        "monitor",
        "pane",
        ("loss", "Loss of training and evaluation"),
        ("learning rate", "Learning rate"),
        ("gradient norm", "Gradient norm"),
        ("tokens/s", "Tokens per second"),
        ("machine", "GPU, or CPU and memory"),
        ("samples", "Samples by step"),
        ("log", "Events and log"),
    ),
)  # fmt: skip

_EDIT = "edit"
_SAVE = Action(_EDIT, "launch", "L", "save", "Check everything, then save the changes to the queued run")
ACTIONS: tuple[Action, ...] = (
    *_DECLARED,
    *(
        _SAVE if action.name == "launch" else replace(action, screen=_EDIT)
        for action in _DECLARED
        if action.screen == "compose"
    ),
    *(
        Action(screen, "out", "q", "back", "Back one level; quits on the list of runs", shown=False)
        for screen in (*SCREENS, _EDIT)
        if screen not in (HOME, EVERYWHERE)
    ),
)
"""Every action. The screen that edits a waiting run is Compose, but for what becomes of the recipe."""


def actions_of(screen: str) -> list[Action]:
    """The actions of one screen, in the order they are shown, without those that work everywhere."""
    return [action for action in ACTIONS if action.screen == screen]


def bindings(screen: str) -> list[BindingType]:
    """Textual bindings for one screen (or for the app, with `EVERYWHERE`)."""
    return [
        Binding(
            action.keys,
            action.command,
            action.label,
            show=action.shown,
            key_display=action.display_key,
            id=f"{screen}.{action.name}" if action.number is None else f"{screen}.{action.name}_{action.number}",
        )
        for action in actions_of(screen)
    ]
