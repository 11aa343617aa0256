"""Recipes on disk: comments survive, files are replaced whole, and every way a file can be wrong is named."""

from __future__ import annotations

import os
import stat
import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recipe.strategies import recipes
from tuitune.problem import TuituneError
from tuitune.recipe.check import RecipeError
from tuitune.recipe.document import LARGEST, read, render, write_text
from tuitune.recipe.overrides import with_values
from tuitune.recipe.schema import Recipe
from tuitune.recipe.settings import setting
from tuitune.recipe.settings import settings as all_settings

WRITTEN = """\
# my recipe
[training]   # how
learning_rate = 1e-4   # found by trying
epochs = 2

[adapter]
# only two of them
targets = [
  "q_proj", # queries
  "v_proj",
]

[run]
name = "mine"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(WRITTEN)
    return path


def refused(path: Path) -> str:
    with pytest.raises(RecipeError) as error:
        read(path)
    return str(error.value)


def test_a_file_is_read_as_it_was_meant(file: Path) -> None:
    recipe = read(file)
    assert recipe.training.learning_rate == 1e-4 and recipe.run.name == "mine"
    assert recipe.adapter.targets == ["q_proj", "v_proj"]


@pytest.mark.parametrize(
    "text",
    [
        'training.epochs = 2.0\nrun.name = "x"\n',
        'run = { name = "x" }\ntraining = { epochs = 2 }\n',
        '[data]\n[data.columns]\nprompt = "q"\ncompletion = "a"\n[training]\nepochs = 2\n',
        "[training]\r\nepochs = 2 # both\r\n",
        "[training]\nepochs = 2",
        '[data.columns]\ntext = "t"\n[training]\nepochs = 2\n[data]\nlimit = 3\nloss_on = "all"\n',
    ],
)
def test_every_layout_of_toml_is_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.toml"
    path.write_bytes(text.encode())
    assert read(path).training.epochs == 2.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[run]\nname = 'a'\nnotes = \n", "line 3, column 9: Invalid value in `notes =`"),
        (b"[run]\nname = 'a\n", "line 2, column 10: "),
        (b"[run", "line 1, column 5: "),
        (b"[run]\nname = 'a'\nname = 'b'\n", "line 3, column 11: Cannot overwrite a value"),
        (b"a = " + b"[" * 5000, "nested too deeply"),
        (b"[training]\nmax_steps = " + b"9" * 5000, "is not TOML: "),
        (b"[run]\nnotes = '\xe9'\n", "line 2 is not UTF-8 text"),
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"#" * (LARGEST + 1), "larger than 1 MiB"),
        (b"[run]\nname = '\x1b[31m'\n", "line 2, column 9: "),
    ],
)
def test_broken_files_are_named_with_the_place(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    found = refused(path)
    assert found.startswith(str(path)) and message in found
    assert "\x1b" not in found and len(found) < 600


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "missing.toml")
    assert "is a folder" in refused(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refused(tmp_path / "pipe")
    assert "cannot be read" in refused(Path("a\0b"))
    assert "cannot be read" in refused(tmp_path / ("n" * 300))


def test_wrong_keys_of_a_file_are_named_all(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[adapter]\nrank = 0\nalfa = 3\n[quantization]\nbits = 5\n")
    found = refused(path).splitlines()
    assert [line.partition(":")[0] for line in found] == ["adapter.rank", "adapter.alfa", "quantization.bits"]


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "bom.toml"
    path.write_bytes(b"\xef\xbb\xbf[run]\nname = 'a'\n")
    assert read(path).run.name == "a"


def test_saving_replaces_the_file_whole_and_keeps_its_mode(file: Path) -> None:
    file.chmod(0o600)
    link = file.with_name("link.toml")
    link.symlink_to(file)
    texts = [render(with_values(Recipe(), {"run.notes": letter * 5000})) for letter in "ab"]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for text in texts:
                write_text(link, text)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {read(file).run.notes for _ in range(200)}
    finally:
        stop.set()
        writer.join()
    assert seen <= {"", "a" * 5000, "b" * 5000}
    assert link.is_symlink() and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(path.name for path in file.parent.iterdir() if path.suffix != "") == ["link.toml", "recipe.toml"]


def test_saving_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be written"):
        write_text(tmp_path / "missing" / "recipe.toml", "[run]\n")


def test_render_is_short_or_full_or_explained() -> None:
    short, full, explained = render(Recipe()), render(Recipe(), full=True), render(Recipe(), full=True, comments=True)
    assert short == '[run]\nname = "my-run"\n\n[model]\nid = "bundled:nano"\n\n[data]\ntrain = "bundled:triage"\n'
    absent = {setting.key for setting in all_settings() if setting.default is None}
    assert full.count(" = ") == len(all_settings()) - len(absent)
    assert "learning_rate = 2e-4\n" in full and "epochs = 3.0\n" in full
    assert [line for line in explained.splitlines() if not line.startswith("#")] == full.splitlines()
    assert f"# {setting('adapter.rank').help}\nrank = 16\n" in explained


@settings(deadline=None)
@given(recipes(), st.booleans(), st.booleans())
def test_rendered_recipes_read_back_equal(recipe: Recipe, full: bool, comments: bool) -> None:
    tables = tomllib.loads(render(recipe, full=full, comments=comments))
    assert Recipe.model_validate(tables) == recipe


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_a_recipe_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    try:
        read(path)
    except TuituneError as error:
        assert error.problems


LINES = st.sampled_from(
    """[run]
[data]
[ data . columns ]
[adapter]
name = 'a'
rank = 8 # eight
rank = 8.5
rank = 0x10
x = [1,
]
[data.columns]
text = 't'
eval = ''
targets = ['q_proj',
data.limit = 3
columns.text = "t"
run = {name = 'b'}
adapter = {}
notes = '''
date = 2020-01-01""".splitlines()
)


@settings(deadline=None)
@given(st.lists(LINES, max_size=7).map("\n".join))
def test_any_lines_are_a_recipe_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.toml"
    path.write_text(text)
    try:
        recipe = read(path)
    except TuituneError as error:
        assert error.problems
    else:
        assert Recipe.model_validate(tomllib.loads(render(recipe))) == recipe
