"""Recipes on disk: `recipe.toml` read, rendered, and written whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tuitune import plain
from tuitune.problem import Problem
from tuitune.recipe.check import RecipeError, parse
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import Setting, section_titles, settings
from tuitune.recipe.values import toml_text
from tuitune.text import clean

LARGEST = 1 << 20
"""Bytes of the largest file taken for a recipe."""

_UNREADABLE = {
    errno.EISDIR: "is a folder; name a recipe file such as recipe.toml",
    errno.EFBIG: "is larger than 1 MiB, too large for a recipe",
    errno.EINVAL: "is not a regular file",
    errno.ELOOP: "is a link, not a file",
}


def read(path: Path | str, *, links: bool = True) -> Recipe:
    """The recipe in `path`. RecipeError names the file, and the line of a syntax error or the keys that are wrong.

    Without `links`, a link in the place of the file is refused.
    """
    path = Path(path)
    return parse(_tables(_text(path, links), path))


def render(
    recipe: Recipe, *, full: bool = False, comments: bool = False, skipped: Collection[str] = frozenset()
) -> str:
    """A recipe as TOML that `read` gives back equal.

    `full` writes every setting, so that later defaults cannot change it; else only what differs from the defaults, and
    the run, model and data. `comments` puts each setting's help above it. `skipped` are keys to leave out.
    """
    blocks = []
    written = [one for one in settings() if one.key not in skipped]
    for section in section_titles():
        lines = [line for one in written if one.section == section for line in _lines(one, recipe, full, comments)]
        if lines:
            blocks.append("\n".join([f"[{section}]", *lines]))
    return "\n\n".join(blocks) + "\n"


def write_text(path: Path, text: str) -> None:
    """Replace the file at `path` by one with `text`, through a temporary file beside it. Links are followed."""
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name[:50]}.{os.getpid()}.tmp")
    try:
        with temporary.open("x", encoding="utf-8", newline="") as file:
            if path.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise RecipeError(Problem(clean(str(path)), f"cannot be written: {error.strerror or error}")) from error
    finally:
        temporary.unlink(missing_ok=True)


def _text(path: Path, links: bool) -> str:
    name = clean(str(path))
    try:
        content = plain.read(path, LARGEST, links=links)
    except FileNotFoundError:
        raise RecipeError(Problem(name, "no such file; `tuitune new -o FILE` writes a recipe")) from None
    except OSError as error:
        wrong = _UNREADABLE.get(error.errno or 0) or f"cannot be read: {error.strerror or error}"
        raise RecipeError(Problem(name, wrong)) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RecipeError(Problem(name, f"line {line} is not UTF-8 text; save the file as UTF-8")) from None
    if not text.strip():
        raise RecipeError(Problem(name, "is empty; `tuitune new -o FILE` writes a recipe"))
    return text


def _tables(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        message = "is nested too deeply"
    except ValueError as error:
        message = _syntax(str(error), text)
    raise RecipeError(Problem(clean(str(path)), message))


def _syntax(message: str, text: str) -> str:
    """tomllib says "… (at line 3, column 7)"; put the place first and quote the line."""
    place = re.fullmatch(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if place is None:
        return f"is not TOML: {clean(message, limit=200)}"
    lines = text.splitlines() or [""]
    line, column = int(place[2] or len(lines)), int(place[3] or len(lines[-1]) + 1)
    quoted = clean(lines[line - 1].strip(), limit=60) if line <= len(lines) else ""
    return f"line {line}, column {column}: {clean(place[1], limit=120)}" + (f" in `{quoted}`" if quoted else "")


def _lines(one: Setting, recipe: Recipe, full: bool, comments: bool) -> list[str]:
    """The lines of a setting, none where it is left out. A None is a missing key, or "" where that means another."""
    value = one.of(recipe)
    if (value is None and one.default is None) or not (full or one.always or value != one.default):
        return []
    line = f"{one.name} = {toml_text('' if value is None else value)}"
    return [f"# {one.help}", line] if comments else [line]
