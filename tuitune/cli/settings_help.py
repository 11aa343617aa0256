"""The recipe's settings as help text, made from the schema."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tuitune.recipe.settings import Setting


def settings_help() -> str:
    """Every key with its help, choices or bounds and default, then the presets."""
    from tuitune.recipe.presets import PRESETS
    from tuitune.recipe.settings import settings

    lines = ["settings (KEY=VALUE for --set, or lines of a recipe file):", *_lines(settings())]
    lines += ["", "presets (for `tuitune new --preset NAME`):", ""]
    lines += [f"    {preset.name:<16}{preset.help}" for preset in PRESETS.values()]
    return "\n".join(lines) + "\n"


def tunable_help() -> str:
    """The same of the keys that a run takes while it trains."""
    from tuitune.recipe.settings import settings

    tunable = [setting for setting in settings() if setting.is_tunable]
    return "\n".join(["settings (the last part of a key is enough where it is unique):", *_lines(tunable)]) + "\n"


def _lines(shown: Iterable[Setting]) -> list[str]:
    from tuitune.recipe.settings import section_titles, show_value

    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    lines: list[str] = []
    section = None
    for setting in shown:
        if setting.section != section:
            section = setting.section
            lines += ["", f"  {section_titles()[section]}"]
        default = show_value(setting, setting.default) or "empty"
        about = " ".join(filter(None, [setting.help, _domain(setting), f"Default: {default}."]))
        lines.append(f"    {setting.key}")
        lines += textwrap.wrap(about, width, initial_indent=" " * 8, subsequent_indent=" " * 8)
    return lines


def _domain(setting: Setting) -> str:
    if setting.choices:
        return "One of " + ", ".join(str(choice) for choice in setting.choices) + "."
    unit = f" {setting.unit}" if setting.unit else ""
    return f"{setting.bounds[0].upper()}{setting.bounds[1:]}{unit}." if setting.bounds else ""
