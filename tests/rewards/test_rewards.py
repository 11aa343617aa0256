"""What each reward gives, and that none of them can harm a run: whatever a user's file does is named."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tuitune.recipe.check import RecipeError
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
from tuitune.rewards import REWARDS, Attempt, numeric
from tuitune.rewards.judge import Judge, RewardError
from tuitune.rewards.python_file import fingerprint

Judging = Callable[..., Judge]


def rewarded(*assignments: str) -> Recipe:
    return apply(Recipe(), ["objective.kind=grpo", "rewards.seconds=2", *assignments])


@pytest.fixture
def judging() -> Iterator[Judging]:
    """Makes the process that judges by settings; it ends with the test."""
    begun: list[Judge] = []

    def make(*assignments: str) -> Judge:
        recipe = rewarded(*assignments)
        begun.append(Judge(recipe.rewards.model_dump(), recipe.rewards.weights))
        return begun[-1]

    yield make
    for one in begun:
        one.close()


def own(folder: Path, source: str) -> tuple[str, str, str]:
    """The settings of a Python file of the user's, approved."""
    file = folder / "mine.py"
    file.write_text(source)
    return "rewards.weights=python=1", f"rewards.file={file}", f"rewards.approved={fingerprint(source.encode())}"


ROW = '{"city": "Oslo", "rain": true}'
GIVEN: list[tuple[str, dict[str, Any], float]] = [
    ("exact", {"text": " 12\n", "expected": "12"}, 1),
    ("exact", {"text": "12.", "expected": "12"}, 0),
    ("numeric", {"text": "3 + 4 is 7", "expected": "so 7\n#### 7"}, 1),
    ("numeric", {"text": "It is 1,250.50 in all", "expected": "1250.5"}, 1),
    ("numeric", {"text": r"\boxed{8}, not 9", "expected": "8"}, 1),
    ("numeric", {"text": "3/4", "expected": "0.75"}, 1),
    ("numeric", {"text": "-7", "expected": "7"}, 0),
    ("numeric", {"text": "none", "expected": "7"}, 0),
    ("numeric", {"text": r"so \boxed{\frac{8}{3}}", "expected": r"\frac{5}{3}"}, 0),
    ("numeric", {"text": r"\boxed{\sqrt{6}}", "expected": "6"}, 0),
    ("numeric", {"text": "5", "expected": r"3\sqrt{5}"}, 0),
    ("numeric", {"text": "9", "expected": "y^4 + 9"}, 0),
    ("numeric", {"text": "a + 9 is 4 + 9", "expected": "9"}, 0),
    ("numeric", {"text": "(3, 9)", "expected": "9"}, 0),
    ("numeric", {"text": "10^9", "expected": "9"}, 0),
    ("numeric", {"text": "4,9", "expected": "9"}, 0),
    ("numeric", {"text": "3 009", "expected": "9"}, 0),
    ("numeric", {"text": "2 1/9", "expected": "1/9"}, 0),
    ("numeric", {"text": "3e4", "expected": "3"}, 0),
    ("numeric", {"text": "30,000", "expected": "3e4"}, 1),
    ("numeric", {"text": "2e-05", "expected": "0.00002"}, 1),
    ("numeric", {"text": "−8", "expected": "8"}, 0),
    ("numeric", {"text": "-8", "expected": "−8"}, 1),
    ("numeric", {"text": r"Hence \(x = -8\).", "expected": "−8"}, 1),
    ("numeric", {"text": "**$40** a day.", "expected": "$40.00"}, 1),
    ("numeric", {"text": r"\boxed{" * 5000, "expected": "1"}, 0),
    ("numeric", {"text": r"\boxed{9{,}000 \text{ km}}", "expected": "9000"}, 1),
    ("numeric", {"text": "<think>2 + 7</think><answer>9</answer>", "expected": "9"}, 1),
    ("numeric", {"text": '{"sum": 9}', "expected": "9"}, 1),
    ("numeric", {"text": "sum = - 9", "expected": "9"}, 0),
    ("numeric", {"text": "9 million", "expected": "9"}, 0),
    ("numeric", {"text": "the sum - 9", "expected": "9"}, 0),
    ("numeric", {"text": "Sums:\n- *9*", "expected": "9"}, 1),
    ("json", {"text": '[1, {"a": null}]'}, 1),
    ("json", {"text": "12"}, 0),
    ("json", {"text": '{"a": 1} as asked'}, 0),
    ("json", {"text": "[-Infinity]"}, 0),
    ("json", {"text": '{"b": [{"n": NaN}]}'}, 0),
    ("json", {"text": '{"b": {"n": 1, "n": 2}}'}, 0),
    ("json", {"text": '[{"n": 1}, {"n": 2}]'}, 1),
    ("fields", {"text": ROW, "expected": ROW}, 1),
    ("fields", {"text": '{"city": "Oslo", "rain": false}', "expected": ROW}, 0.5),
    ("fields", {"text": '{"city": "Oslo", "rain": true, "snow": 1, "sun": 2}', "expected": ROW}, 0.5),
    ("fields", {"text": "Oslo", "expected": ROW}, 0),
    ("fields", {"text": '{"city": "Oslo", "rain": 1}', "expected": ROW}, 0.5),
    ("fields", {"text": '{"n": [{"of": false}]}', "expected": '{"n": [{"of": 0}]}'}, 0),
    ("fields", {"text": '{"n": [2.0]}', "expected": '{"n": [2]}'}, 1),
    ("pattern", {"text": "No. 12\n"}, 1),
    ("pattern", {"text": "No. 12 or so"}, 0),
    ("length", {"text": "…", "tokens": 3}, 0),
    ("length", {"text": "…", "tokens": 4}, 1),
    ("length", {"text": "…", "tokens": 10}, 1),
    ("length", {"text": "…", "tokens": 15}, 0.5),
    ("length", {"text": "…", "tokens": 40}, 0),
    ("length", {"text": "  ", "tokens": 8}, 0),
    ("overlong", {"text": "…", "tokens": 40, "most": 60}, 0),
    ("overlong", {"text": "…", "tokens": 55, "most": 60}, -0.5),
    ("overlong", {"text": "…", "tokens": 60, "most": 60, "cut": True}, -1),
    ("think", {"text": "<think>a</think>b"}, 1),
    ("think", {"text": "<think> </think>b"}, 0),
    ("think", {"text": "<think>a</think>"}, 0),
    ("think", {"text": "b <think>a</think>"}, 0),
    ("think", {"text": "<think>a</think>b<think>c</think>"}, 0),
]


def test_each_reward_gives_what_it_says(judging: Judging) -> None:
    names = list(dict.fromkeys(name for name, _, _ in GIVEN))
    weights = ", ".join(f"{name}=1" for name in names)
    judge = judging(
        f"rewards.weights={weights}", "rewards.pattern=No\\. [0-9]+", "rewards.shortest=4", "rewards.longest=10",
        "rewards.margin=10", "rewards.seconds=30",
    )  # fmt: skip
    for name, answer, worth in GIVEN:
        assert judge.scores(name, [Attempt(**answer)]) == [pytest.approx(worth)], (name, answer)
    own = {file.stem.removeprefix("test_") for file in Path(__file__).parent.glob("test_*.py")}
    assert {*REWARDS} <= {*names, "python", "schema"} | own, "each reward is tried"


@pytest.mark.parametrize(
    ("name", "expected", "fits"),
    [
        ("numeric", "about 7", True), ("numeric", "seven", False), ("numeric", "so 3 + 4 is 7", False),
        ("numeric", "6,25", False), ("numeric", "70 000", False), ("numeric", "6:25", False), ("numeric", "−7", True),
        ("numeric", "2024-05-12", False), ("numeric", "7e-3 m", True), ("numeric", "3 + 4 is\n#### 7", True),
        ("fields", ROW, True), ("fields", "[1]", False), ("fields", '{"a": 1, "a": 2}', False),
        ("fields", "{}", False), ("exact", "anything", True),
    ],
)  # fmt: skip
def test_a_reward_knows_what_it_cannot_compare_with(name: str, expected: str, fits: bool) -> None:
    assert (REWARDS[name].unfit(expected) == "") is fits


@pytest.mark.parametrize("there", [False, True])
def test_an_expression_is_compared_with_where_something_can(monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    monkeypatch.setattr(numeric, "_verifies", lambda: there)
    why = REWARDS["numeric"].unfit(r"\frac{5}{3}")
    assert ("math-verify" in why) is not there


@pytest.mark.slow
def test_expressions_are_right_by_their_value(judging: Judging) -> None:
    judge = judging("rewards.weights=numeric=1", "rewards.seconds=60")
    for expected, text, worth in [
        (r"\frac{5}{3}", r"\boxed{\dfrac{10}{6}}", 1), (r"\frac{5}{3}", r"\boxed{\frac{8}{3}}", 0),
        (r"3\sqrt{5}", r"it is $3 \sqrt{5}$.", 1), (r"3\sqrt{5}", "5", 0), ("y^4 + 9", r"\boxed{9 + y^4}", 1),
        ("(3, 9)", r"\boxed{(3, 9)}", 1), ("(3, 9)", r"\boxed{(9, 3)}", 0), ("0.2", r"\boxed{\frac{1}{5}}", 1),
        ("7", r"\boxed{3 + 4}", 1), ("7", r"\boxed{x + 7}", 0), ("10^3", "1,000", 1),
    ]:  # fmt: skip
        assert judge.scores("numeric", [Attempt(text, expected=expected)]) == [worth], (expected, text)


def test_a_schema_judges_json(judging: Judging, tmp_path: Path) -> None:
    schema = tmp_path / "record.json"
    schema.write_text(json.dumps({"type": "object", "required": ["city"]}))
    judge = judging("rewards.weights=schema=1", f"rewards.schema_file={schema}")
    answers = [Attempt(text) for text in (ROW, '{"rain": true}', "Oslo")]
    assert judge.scores("schema", answers) == [1, 0, 0]


def test_a_schema_may_want_any_json_and_its_formats_hold(tmp_path: Path) -> None:
    schema = tmp_path / "day.json"
    schema.write_text(json.dumps({"type": "string", "format": "date"}))
    settings = rewarded("rewards.weights=schema=1", f"rewards.schema_file={schema}").rewards
    score = REWARDS["schema"].prepare(settings)
    texts = ('"2024-02-29"', '"2023-02-29"', '"soon"', "2024-02-29", "NaN")
    assert [score(Attempt(text)) for text in texts] == [1, 0, 0, 0, 0]


def test_a_file_of_the_users_judges(judging: Judging, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = "from pathlib import Path\ndef reward(prompt, answer, completion):\n    print('seen')\n    " + (
        "return len(completion) if prompt and not Path('nothing').exists() else answer == completion\n"
    )
    judge = judging(*own(tmp_path, source))
    assert judge.scores("python", [Attempt("four", "?"), Attempt("a", "", "a"), Attempt("b")]) == [4, 1, 0]
    assert capfd.readouterr().out == "", "what it prints is not ours"


@pytest.mark.parametrize(
    ("source", "worth"),
    [
        ("from decimal import Decimal\ndef reward(completion): return Decimal('0.25')", 0.25),
        ("from fractions import Fraction\ndef reward(completion): return Fraction(1, 4)", 0.25),
        ("import numpy as np\ndef reward(completion): return np.float32(0.25)", 0.25),
        ("import numpy as np\ndef reward(completion): return np.bool_(True)", 1),
        (
            "from dataclasses import dataclass\n@dataclass\nclass Worth:\n    much: 'float' = 0.25\n"
            "def reward(completion): return Worth().much",
            0.25,
        ),
    ],
)
def test_whatever_is_a_number_is_one(judging: Judging, tmp_path: Path, source: str, worth: float) -> None:
    assert judging(*own(tmp_path, source)).scores("python", [Attempt("x")]) == [worth]


@pytest.mark.parametrize(
    ("source", "worth"),
    [
        (
            "import os\ndef reward(completion):\n    if (child := os.fork()) == 0:\n        exec(completion)\n"
            "        os._exit(0)\n    return os.waitpid(child, 0)[1] == 0\n",
            [1, 0, 1, 0],
        ),
        ("import os\ndef reward(completion):\n    os.fork()\n    return len(completion)\n", [5, 3, 8, 6]),
        ("import os\nos.fork()\ndef reward(completion): return len(completion)\n", [5, 3, 8, 6]),
    ],
    ids=["a child that throws", "a child that returns", "a child of the file's"],
)
def test_a_reward_that_forks_judges_each_answer_once(
    judging: Judging, tmp_path: Path, source: str, worth: list[float]
) -> None:
    judge = judging(*own(tmp_path, source))
    answers = [Attempt(text) for text in ("x = 1", "1/0", "y = 'ab'", "raise!")]
    assert judge.scores("python", answers) + judge.scores("python", answers[:1]) == [*worth, worth[0]]


@pytest.mark.usefixtures("many_files")
def test_a_process_with_many_files_open_is_answered(judging: Judging) -> None:
    assert judging("rewards.weights=exact=1").scores("exact", [Attempt("x", expected="x")]) == [1]


def test_a_file_that_takes_long_to_import_is_told_by_the_time_it_had(
    judging: Judging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuitune.rewards.judge._START_SECONDS", 0.75)
    judge = judging(*own(tmp_path, "import time\ntime.sleep(600)\n"), "rewards.seconds=0.5")
    with pytest.raises(RewardError, match=r"cannot be prepared.*0\.75 s"):
        judge.scores("python", [Attempt("x")])


HARMFUL = {
    "throws": ("return 1 / len(completion.strip('x'))", "line 2: ZeroDivisionError"),
    "hangs": ("while True: pass", "rewards.seconds"),
    "no number": ("return completion", "'xx' instead of a number"),
    "too large a number": ("return 10**400", "OverflowError"),
    "an error without words": ("raise type('Bad', (Exception,), {'__str__': lambda self: 1 / 0})()", "line 2: Bad"),
    "not finite": ("return float('nan')", "instead of a number"),
    "too much memory": ("return len(bytearray(1 << 40))", "rewards.memory"),
    "dies": ("import os; os._exit(7)", "exit code 7"),
    "kills": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
}


@pytest.mark.parametrize(("body", "said"), HARMFUL.values(), ids=HARMFUL)
def test_what_a_file_does_wrong_is_named_with_its_answer(
    judging: Judging, tmp_path: Path, body: str, said: str
) -> None:
    judge = judging(*own(tmp_path, f"def reward(completion):\n    {body}\n"), "rewards.seconds=0.5")
    began = time.monotonic()
    with pytest.raises(RewardError) as error:
        judge.scores("python", [Attempt("xx", "How many?")])
    message = str(error.value)
    assert said in message and "How many?" in message and "rewards.weights" in message
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def reward(completion:", "rewards.file cannot be run"),
        ("raise OSError('no')", "line 1: OSError"),
        ("def score(completion): return 1", "no function reward"),
        ("def reward(completion, temperature): return 1", "asks for temperature"),
        ("def reward(completions, **more): return 1", "asks for completions"),
        ("def reward(completion, /): return 1", "asks for completion"),
        ("reward = max", "rewards.file: the arguments of reward"),
    ],
)
def test_a_file_that_is_no_reward_is_refused_first(judging: Judging, tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(RewardError, match=said):
        judging(*own(tmp_path, source)).scores("python", [Attempt("x")])


def test_a_file_that_changed_is_not_run(judging: Judging, tmp_path: Path) -> None:
    settings = own(tmp_path, "def reward(completion): return 1\n")
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(RewardError, match="has changed since it was approved"):
        judging(*settings).scores("python", [Attempt("x")])
    assert not (tmp_path / "ran").exists()


def test_it_sees_no_secret(judging: Judging, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789")
    judge = judging(*own(tmp_path, "import os\ndef reward(completion): return 'HF_TOKEN' in os.environ\n"))
    assert judge.scores("python", [Attempt("x")]) == [0]


@pytest.mark.parametrize(
    ("assignments", "key", "said"),
    [
        ([], "rewards.weights", "json = 1"),
        (["rewards.weights=jsn=1"], "rewards.weights", "unknown reward 'jsn'"),
        (["rewards.weights=pattern=1"], "rewards.pattern", "needs it"),
        (["rewards.weights=json=0"], "rewards.weights", "rewards and their weights"),
        (["rewards.weights=json=1", "training.batch_size=3"], "training.batch_size", "objective.generations = 6"),
        (["rewards.weights=json=1", "limits.loss=0.1"], "limits.loss", "does not fall"),
        (["rewards.weights=length=1", "rewards.shortest=200"], "rewards.shortest", "lower it"),
    ],
)
def test_a_recipe_that_cannot_be_rewarded_is_refused_by_key(assignments: list[str], key: str, said: str) -> None:
    with pytest.raises(RecipeError) as error:
        rewarded(*assignments)
    assert [(problem.key, said in problem.message) for problem in error.value.problems] == [(key, True)]


@pytest.mark.parametrize("remedy", ["training.accumulation=8", "objective.generations=6"])
def test_the_remedies_for_parted_groups_are_ones(remedy: str) -> None:
    rewarded("rewards.weights=json=1", "training.batch_size=3", remedy)


SPINS = """
import os
from pathlib import Path
def reward(completion):
    Path('pid').write_text(str(os.getpid()))
    {}
"""
HELD = """
import sys
from tuitune.rewards import Attempt
from tuitune.rewards.judge import Judge
from tuitune.recipe.overrides import apply
from tuitune.recipe.schema import Recipe
rewards = apply(Recipe(), ["objective.kind=grpo", "rewards.seconds=600", *sys.argv[1:]]).rewards
Judge(rewards.model_dump(), rewards.weights).scores("python", [Attempt("x")])
"""


@pytest.mark.parametrize(
    "body",
    [
        "while True: pass",
        pytest.param("import re; re.match('(a+)+b', 'a' * 60)", marks=pytest.mark.slow),
        pytest.param("import time; time.sleep(600)", marks=pytest.mark.slow),
    ],
)
def test_one_that_hangs_ends_with_the_engine_however_that_ends(tmp_path: Path, body: str) -> None:
    judged = tmp_path / "pid"
    engine = subprocess.Popen([sys.executable, "-c", HELD, *own(tmp_path, SPINS.format(body))])
    try:
        assert comes(lambda: judged.is_file() and judged.read_text() != "")
        judge = int(judged.read_text())
        assert judge != engine.pid and psutil.pid_exists(judge)
    finally:
        engine.kill()
        engine.wait()
    assert comes(lambda: not psutil.pid_exists(judge) or psutil.Process(judge).status() == psutil.STATUS_ZOMBIE)


def test_what_a_reward_leaves_running_holds_nothing_up(judging: Judging, tmp_path: Path) -> None:
    source = (
        "import os, time\ndef reward(completion):\n    if os.fork() == 0:\n        time.sleep(20)\n"
        "        os._exit(0)\n    time.sleep(600)\n"
    )
    began = time.monotonic()
    with pytest.raises(RewardError, match=r"rewards\.seconds"):
        judging(*own(tmp_path, source), "rewards.seconds=0.5").scores("python", [Attempt("x")])
    assert time.monotonic() - began < 15


def comes(wanted: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + seconds
    while not wanted():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
