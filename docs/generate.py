"""Write what is made from declarations: docs/recipe.md, docs/keys.md, docs/methods.md, and tables of the README, of
metrics and objectives.

python docs/generate.py
"""

from __future__ import annotations

import re
from pathlib import Path

from tuitune.cli.exit_codes import Exit
from tuitune.methods import FIRST_CLASS, METHODS, TUNERS, Method
from tuitune.objectives import METRICS, TRAINED
from tuitune.recipe.presets import PRESETS
from tuitune.recipe.sections.adapter import AdapterSection
from tuitune.recipe.settings import Setting, section_titles, settings, show_value
from tuitune.recipe.support import lacks
from tuitune.rewards import REWARDS
from tuitune.shapes import SHAPES
from tuitune.tui.actions import EVERYWHERE, SCREENS, actions_of

ROOT = Path(__file__).resolve().parent.parent
README_KEYS = {
    "runs": ("new", "open", "resume", "pause", "stop", "queue_earlier", "quit"),
    "compose": ("preset", "launch"),
    "monitor": ("checkpoint", "sample_now", "tune", "kill", "zoom_pane", "log_scale", "x_axis"),
    EVERYWHERE: ("help",),
}


def recipe_page() -> str:
    lines = [
        "# The recipe",
        "",
        "Every setting of `recipe.toml`: help, bounds and default. Made from the schema by `python docs/generate.py`.",
        "`tuitune new -o recipe.toml` writes a commented recipe; `--set KEY=VALUE` changes one setting of it.",
        "",
        f"A relative path in a recipe file ({', '.join(f'`{one.key}`' for one in settings() if one.entails.names)})",
        "starts at the folder of that file, wherever the command runs; one given to `--set` or typed on the screen",
        "starts at the current folder.",
        "",
        "*change* says how long a run that exists takes another value: until it trains, on resume (with",
        "`tuitune resume RUN --set KEY=VALUE`), or even while it trains (with `tuitune tune`). With ≈ it then resumes",
        "approximately instead of exactly (docs/runs.md); with ⟳ its data is tokenized anew.",
    ]
    section = None
    for setting in settings():
        if setting.section != section:
            section = setting.section
            lines += [
                "",
                f"## [{section}] {section_titles()[section]}",
                "",
                "| key | meaning | values | default | change |",
                "|---|---|---|---|---|",
            ]
        values = (
            ", ".join(f"`{choice}`" for choice in setting.choices)
            or " ".join(filter(None, [setting.bounds, setting.unit]))
            or setting.kind
        )
        default = f"`{show_value(setting, setting.default)}`" if setting.default not in (None, "", [], {}) else "empty"
        advanced = " *(advanced)*" if setting.advanced else ""
        meaning = f"{_cell(setting.help)}{_needs(setting)}{advanced}"
        lines.append(f"| `{setting.name}` | {meaning} | {_cell(values)} | {_cell(default)} | {_change(setting)} |")
    lines += ["", "## Presets", "", "| name | what it is | sets |", "|---|---|---|"]
    for preset in PRESETS.values():
        values = ", ".join(f"`{key} = {value}`" for key, value in preset.values.items())
        lines.append(f"| `{preset.name}` | {_cell(preset.help)} | {_cell(values)} |")
    return "\n".join(lines) + "\n"


def _needs(setting: Setting) -> str:
    """What gives it an effect, as it is written in a recipe."""
    needs = setting.entails.needs
    if not needs:
        return ""
    if needs[0].values == (None,):
        return f" `{needs[0].key}` overrides it."
    keys = [" = ".join([f"`{need.key}`", *filter(None, [need.said])]) for need in needs]
    return f" Needs {' or '.join(keys)}."


def _change(setting: Setting) -> str:
    """When it can be changed, and what follows."""
    resumed = setting.entails.change in ("on resume", "while it trains")
    approximately = resumed and not setting.affects("nothing")
    signs = [" ≈" if approximately else "", " ⟳" if setting.affects("tokens", "tokenizer") else ""]
    return setting.entails.change + "".join(signs)


def methods_page() -> str:
    lines = [
        "# Methods",
        "",
        "How weights can be adapted: `adapter.method` in a recipe, `Enter` on *method* in Compose, `tuitune methods`.",
        "Made from what each method declares by `python docs/generate.py`. `tests/engine/methods/test_support.py`",
        "reads this page and holds every cell against the libraries: it trains each method in each circumstance, on a",
        "small random Llama on a CPU. Not yet measured on a GPU.",
        "",
        "Every method here resumes exactly and loads back to the same logits. How many parameters it trains is known",
        "before a launch. The tuners of PEFT take their options by PEFT's names under `[adapter.options]`; their",
        "memory is not forecast.",
    ]
    for title, chosen in (("With settings of their own", FIRST_CLASS), ("The other tuners of PEFT", TUNERS)):
        working = [one for one in chosen.values() if not one.support.unavailable]
        columns = ("method", "is", *lacks(working[0].support))
        lines += ["", f"## {title}", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        lines += [f"| {' | '.join(_method_row(one))} |" for one in working]
    lines += ["", "## Not offered", "", "| method | is | why not |", "|---|---|---|"]
    lines += [
        f"| `{one.name}` | {_cell(f'{one.title}: {one.does}')} | {_cell(one.support.unavailable)} |"
        for one in METHODS.values()
        if one.support.unavailable
    ]
    lines += ["", "## Why not", "", "| method | with | why |", "|---|---|---|"]
    lines += [f"| `{one.name}` | {what} | {_cell(why)} |" for one in METHODS.values() for what, why in _reasons(one)]
    lines += ["", "## Where training does not begin with the base", "", "| method | how it begins |", "|---|---|"]
    starts = {one.name: one.starts(AdapterSection(method=one.name)) for one in METHODS.values()}
    lines += [f"| `{name}` | {_cell(how)} |" for name, how in starts.items() if how]
    lines += [
        "",
        'Nor do `lora` with `init = "loftq"` and tuners with `init_weights = false` among their options. `check`',
        "says so. What is recorded of the base, on held-out rows and in samples, is measured without the adapter.",
    ]
    return "\n".join(lines) + "\n"


def _method_row(method: Method) -> list[str]:
    cells = ["no" if why else "yes" for why in lacks(method.support).values()]
    return [f"`{method.name}`", _cell(f"{method.title}: {method.does}"), *cells]


def _reasons(method: Method) -> list[tuple[str, str]]:
    """What a method does not go with, and why; the same reason once."""
    found: dict[str, list[str]] = {}
    for what, why in lacks(method.support).items():
        if why and not method.support.unavailable:
            found.setdefault(why, []).append(what)
    return [(", ".join(whats), why) for why, whats in found.items()]


def keys_page() -> str:
    lines = [
        "# Keys",
        "",
        "Made from the action registry by `python docs/generate.py`; `?` shows the same on the screen.",
    ]
    for screen, title in SCREENS.items():
        lines += ["", f"## {title}", "", "| key | does |", "|---|---|"]
        lines += [f"| {_keys(action.display_key)} | {_cell(action.help)} |" for action in actions_of(screen)]
    return "\n".join(lines) + "\n"


def readme(text: str) -> str:
    rows = ["| key | screen | does |", "|---|---|---|"]
    chosen = [
        action
        for screen, names in README_KEYS.items()
        for name in names
        for action in actions_of(screen)
        if action.name == name
    ]
    rows += [f"| {_keys(action.display_key)} | {SCREENS[action.screen]} | {_cell(action.help)} |" for action in chosen]
    codes = ["| exit code | meaning |", "|---|---|", *(f"| {code.value} | {code.meaning} |" for code in Exit)]
    return _between("exit codes", codes, _between("keys", rows, text))


def run_directory(text: str) -> str:
    rows = ["| key | is | unit | better | its curve |", "|---|---|---|---|---|"]
    for metric in METRICS.values():
        shown = ["smoothed" if metric.smoothed else "as recorded"] if metric.pane else []
        curve = ", ".join([*shown, *(["with the held-out one"] if shown and metric.held_out else [])])
        what = f"{metric.title}: {metric.meaning}"
        rows.append(f"| `{metric.key}` | {_cell(what)} | {metric.unit} | {metric.better} | {curve} |")
    return _between("metrics", rows, text)


def objectives(text: str) -> str:
    rows = [
        "| objective | is | learns from | rate | settings of its own | figures of its own |",
        "|---|---|---|---|---|---|",
    ]
    for one in TRAINED.values():
        shapes = ", ".join(name for name, shape in SHAPES.items() if shape.teaches in one.learns_from)
        named = [key.removeprefix("objective.") for key in sorted(one.settings) if not key.startswith("rewards.")]
        settings = ", ".join(f"`{name}`" for name in [*named, *(["[rewards]"] if one.generates else [])])
        told = [f"{metric.title}{'*' if metric.held_out else ''}" for metric in one.metrics if not metric.reward]
        own = ", ".join([*told, *(["each reward*"] if one.generates else [])])
        title = f"{one.title}{' (experimental)' if one.experimental else ''}"
        rows.append(f"| `{one.name}` | {title} | {shapes} | × {one.rate:g} | {settings} | {own or 'perplexity*'} |")
    return _between("objectives", rows, text)


def rewards(text: str) -> str:
    rows = ["| reward | gives | settings | needs |", "|---|---|---|---|"]
    for one in REWARDS.values():
        answer = ["an answer in each row"] if one.expects else []
        package = [f"the package {one.package}"] if one.package else []
        needs = ", ".join([*answer, *(f"`{name}`" for name in one.filled), *package])
        settings = ", ".join(f"`{name}`" for name in one.settings)
        rows.append(f"| `{one.name}` | {_cell(one.gives)} | {settings} | {needs} |")
    return _between("rewards", rows, text)


def _between(name: str, rows: list[str], text: str) -> str:
    """`text` with the rows between its comments of that name."""
    pattern = rf"(?s)(<!-- {name} -->\n).*?(<!-- /{name} -->)"
    return re.sub(pattern, lambda match: match[1] + "\n".join(rows) + "\n" + match[2], text)


def pages() -> dict[Path, str]:
    """Every generated page and what it must hold."""
    readme_file, run_page, goals = ROOT / "README.md", ROOT / "docs/run-directory.md", ROOT / "docs/objectives.md"
    training = ROOT / "docs/training.md"
    return {
        ROOT / "docs/recipe.md": recipe_page(),
        ROOT / "docs/keys.md": keys_page(),
        ROOT / "docs/methods.md": methods_page(),
        run_page: run_directory(run_page.read_text(encoding="utf-8")),
        goals: objectives(goals.read_text(encoding="utf-8")),
        training: rewards(training.read_text(encoding="utf-8")),
        readme_file: readme(readme_file.read_text(encoding="utf-8")),
    }


def _keys(display: str) -> str:
    return " ".join(f"`{key}`" for key in display.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


if __name__ == "__main__":
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
        print(page.relative_to(ROOT))
