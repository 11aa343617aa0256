"""Recipes on disk: comments survive, files are replaced whole, and every way a file can be wrong is named."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recipe.strategies import recipes, values
from tuitune.problem import TuituneError
from tuitune.recipe.check import RecipeError
from tuitune.recipe.document import LARGEST, Document, load, read, render
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
        load(path)
    return str(error.value)


def test_load_reads_the_recipe_and_keeps_the_text(file: Path) -> None:
    document = load(file)
    assert document.text == WRITTEN
    assert document.recipe.training.learning_rate == 1e-4
    assert document.recipe.adapter.targets == ["q_proj", "v_proj"]
    assert read(file) == document.recipe


def test_a_changed_value_changes_one_line(file: Path) -> None:
    document = load(file).with_value("training.learning_rate", 3e-4)
    assert document.text == WRITTEN.replace("1e-4", "3e-4")
    document.save(file)
    assert read(file).training.learning_rate == 3e-4


def test_new_keys_and_sections_are_added_and_none_removes(file: Path) -> None:
    document = (
        load(file).with_value("training.max_steps", 100).with_value("data.eval", None).with_value("data.limit", 5)
    )
    assert all(line in document.text for line in WRITTEN.splitlines())
    assert "max_steps = 100" in document.text and 'eval = ""' in document.text
    cleared = document.with_value("training.max_steps", None).with_value("data.limit", None)
    assert "max_steps" not in cleared.text and "limit" not in cleared.text
    assert cleared.recipe.data.eval is None


@pytest.mark.parametrize(
    "text",
    [
        'training.epochs = 2.0\nrun.name = "x"\n',
        'run = { name = "x" }\ntraining = { epochs = 2 }\n',
        '[data]\n[data.columns]\nprompt = "q"\ncompletion = "a"\n[training]\nepochs = 2\n',
        "[training]\r\nepochs = 2 # both\r\n",
        "[training]\nepochs = 2",
        '[data.columns]\ntext = "t"\n[training]\nepochs = 2\n[data]\nlimit = 3\n',
    ],
)
def test_layouts_of_others_can_be_changed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.toml"
    path.write_bytes(text.encode())
    document = load(path)
    for key, value in (("training.epochs", 5.0), ("adapter.rank", 4), ("data.max_length", 64), ("run.notes", "a\nb")):
        document = document.with_value(key, value)
    document.save(path)
    found = read(path)
    assert (found.training.epochs, found.adapter.rank, found.data.max_length, found.run.notes) == (5.0, 4, 64, "a\nb")


def test_a_value_that_makes_a_wrong_recipe_is_refused(file: Path) -> None:
    document = load(file)
    for key, value in (("adapter.rank", 0), ("adapter.targets", []), ("adapter.rang", 3)):
        with pytest.raises(TuituneError, match=r"adapter\."):
            document.with_value(key, value)
    assert document.text == WRITTEN


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
    document = load(file)
    texts = [document.with_value("run.notes", letter * 5000) for letter in "ab"]
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for text in texts:
                text.save(link)

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
    document = Document("[run]\n", Recipe())
    with pytest.raises(RecipeError, match="cannot be written"):
        document.save(tmp_path / "missing" / "recipe.toml")


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
    import tomllib

    tables = tomllib.loads(render(recipe, full=full, comments=comments))
    assert Recipe.model_validate(tables) == recipe


@settings(deadline=None)
@given(st.data())
def test_any_valid_value_can_be_set_in_a_written_file(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(all_settings()))
    value = data.draw(values(one))
    document = Document(WRITTEN, read_text(WRITTEN))
    try:
        changed = document.with_value(one.key, value)
    except RecipeError as error:
        assert one.section in str(error) or "evaluation" in str(error)
        return
    assert read_text(changed.text) == changed.recipe
    assert "# found by trying" in changed.text or one.key == "training.learning_rate"


def read_text(text: str) -> Recipe:
    import tomllib

    return Recipe.model_validate(tomllib.loads(text))


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_are_a_recipe_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    try:
        load(path)
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
def test_any_lines_are_a_recipe_that_can_be_changed_or_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.toml"
    path.write_text(text)
    try:
        document = load(path).with_value("adapter.alpha", 3).with_value("data.limit", 7)
    except TuituneError as error:
        assert "cannot be changed in place" not in str(error)
    else:
        assert (document.recipe.adapter.alpha, document.recipe.data.limit) == (3, 7)
