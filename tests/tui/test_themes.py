"""The themes that ship, the user's own, and what is said about bad ones."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from tests.tui.conftest import until
from tests.tui.payloads import shot_of
from tuitune.paths import config_home, shipped
from tuitune.problem import TuituneError
from tuitune.tui import settings
from tuitune.tui.app import TuituneApp
from tuitune.tui.runs.screen import RunsScreen
from tuitune.tui.themes import CHARTS, DEFAULT_THEME, load_themes, read_theme

SHIPPED = {theme.name: theme for path in shipped("themes").glob("*.toml") for theme in [read_theme(path)]}
COLOURED = [theme for theme in SHIPPED.values() if not theme.ansi]
TEXT = ("foreground", "faint", "accent", "ok", "warn", "bad")
GROUNDS = ("background", "surface", "cursor")


def colour(theme: Theme, name: str) -> Color:
    return Color.parse(theme.variables.get(name) or getattr(theme, name))


def contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2.2."""

    def luminance(colour: Color) -> float:
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def user_theme(name: str, text: str) -> Path:
    folder = config_home() / "themes"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    return path


def graphite() -> str:
    return (shipped("themes") / "graphite.toml").read_text()


def test_the_themes_that_ship() -> None:
    assert not load_themes().problems
    assert {"graphite", "paper", "okabe-ito", "contrast", "terminal"} <= set(SHIPPED)
    assert DEFAULT_THEME in SHIPPED
    assert not SHIPPED["paper"].dark
    assert SHIPPED["terminal"].ansi


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
@pytest.mark.parametrize("ground", GROUNDS)
def test_text_can_be_read_on_every_ground(theme: Theme, ground: str) -> None:
    least = 7.0 if theme.name == "contrast" else 4.5
    for name in TEXT:
        if (name, ground) != ("faint", "cursor"):
            assert contrast(colour(theme, name), colour(theme, ground)) >= least, (name, ground)


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
def test_curves_stand_out_from_the_ground_and_from_each_other(theme: Theme) -> None:
    for name in CHARTS:
        assert contrast(colour(theme, name), colour(theme, "background")) >= 3, name
    for one, other in combinations(CHARTS, 2):
        first, second = colour(theme, one), colour(theme, other)
        distance = sum(abs(a - b) for a, b in zip(first.rgb, second.rgb, strict=True))
        assert distance >= 60, (one, other)


async def test_every_theme_paints_every_part() -> None:
    app = TuituneApp()
    async with app.run_test(size=(100, 30)) as pilot:
        for name in app.available_themes:
            app.theme = name
            await pilot.press("question_mark")
            await until(pilot, lambda: "Every key" in shot_of(app).text)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, RunsScreen))


def test_a_user_theme_is_offered_and_replaces_one_of_the_same_name() -> None:
    user_theme("mine.toml", graphite().replace('"graphite"', '"mine"'))
    user_theme("graphite.toml", graphite().replace("#131518", "#000000"))
    themes = load_themes().themes
    assert themes["mine"].accent == SHIPPED["graphite"].accent
    assert themes["graphite"].background == "#000000"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("#131518", "not-a-colour"), "colours.background"),
        (('accent = "#7ab7ff"', ""), "colours.accent"),
        (('accent = "#7ab7ff"', 'accent = "#7ab7ff"\nacent = "#7ab7ff"'), "colours.acent"),
        (('accent = "#7ab7ff"', "accent = 7"), "colours.accent"),
        (('accent = "#7ab7ff"', 'accent = "#7ab7ff80"'), "colours.accent"),
        (("dark = true", 'dark = "yes"'), "dark"),
        (('name = "graphite"', ""), "name"),
        (("[colours]", "[colors]"), "colors"),
    ],
)
def test_a_bad_theme_is_left_out_and_its_field_named(change: tuple[str, str], field: str) -> None:
    path = user_theme("broken.toml", graphite().replace(*change))
    with pytest.raises(TuituneError) as caught:
        read_theme(path)
    assert f"broken.toml: {field}:" in str(caught.value)
    found = load_themes()
    assert found.problems == caught.value.problems
    assert set(found.themes) == set(SHIPPED)


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe\x00", b""])
def test_a_file_that_is_no_theme_at_all_is_reported(content: bytes) -> None:
    user_theme("odd.toml", "").write_bytes(content)
    problems = load_themes().problems
    assert problems
    assert all(problem.key.startswith("odd.toml") for problem in problems)


async def test_bad_themes_are_reported_in_one_notice() -> None:
    user_theme("first.toml", graphite().replace("#131518", "x"))
    user_theme("second.toml", "")
    app = TuituneApp()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: "Themes skipped" in shot_of(app).text)
        text = shot_of(app).text
        assert text.count("Themes skipped") == 1
        assert "first.toml: colours.background" in text
        assert "second.toml" in text


def test_what_was_chosen_is_remembered_beside_what_a_person_wrote() -> None:
    config_home().mkdir(parents=True)
    (config_home() / "settings.toml").write_text('# my settings\nother = "kept"\n')
    settings.remember("theme", "paper")
    assert settings.remembered("theme") == "paper"
    assert (config_home() / "settings.toml").read_text() == '# my settings\nother = "kept"\ntheme = "paper"\n'
    assert TuituneApp().theme == "paper"


@pytest.mark.parametrize("content", ["theme = ", "theme = 7\n", 'theme = "gone"\n'])
def test_settings_that_make_no_sense_are_passed_over_and_kept(content: str) -> None:
    config_home().mkdir(parents=True)
    (config_home() / "settings.toml").write_text(content)
    assert TuituneApp().theme == DEFAULT_THEME
    if content == "theme = ":
        with pytest.raises(TuituneError, match=r"settings\.toml"):
            settings.remember("theme", "paper")
        assert (config_home() / "settings.toml").read_text() == content


def test_without_colour_the_terminals_own_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.remember("theme", "paper")
    monkeypatch.setenv("NO_COLOR", "1")
    assert TuituneApp().theme == "terminal"
