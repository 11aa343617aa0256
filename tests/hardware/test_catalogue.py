"""The catalogues: what ships is right as a whole, and what a user writes counts, or is named and hides nothing else."""

from __future__ import annotations

import importlib.util
import os
import tomllib
from pathlib import Path

import jinja2
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tuitune.hardware.base_models import FILE as MODELS
from tuitune.hardware.base_models import base_models
from tuitune.hardware.cards import FILE as CARDS
from tuitune.hardware.cards import cards
from tuitune.hardware.fitness import has_bfloat16
from tuitune.hardware.model_facts import read_facts
from tuitune.paths import config_home, shipped
from tuitune.planning.checks.libraries import classes

QWEN = "Qwen/Qwen3-8B"
MINE = """
["acme/Support-7B"]
family = "Support"
stage = "instruct"
licence = "proprietary"
parameters = 7_000_000_000
"""
TALK = [{"role": "user", "content": "Name a colour."}, {"role": "assistant", "content": "Blue."}]


def own(file: str, content: str | bytes) -> Path:
    """The user's file of that name."""
    config_home().mkdir(parents=True, exist_ok=True)
    path = config_home() / file
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def found(file: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The names in a catalogue, and what is wrong with it."""
    catalogue = base_models() if file == MODELS else cards()
    return [entry.name for entry in catalogue], [(problem.key, problem.message) for problem in catalogue.problems]


# What ships


@pytest.mark.parametrize("file", [MODELS, CARDS])
def test_every_shipped_entry_counts(file: str) -> None:
    written = list(tomllib.loads((shipped("catalogue") / file).read_text("utf-8")))
    assert found(file) == (written, [])


def test_the_models_of_the_facts_page_and_their_successors_are_there() -> None:
    families = {entry.family for entry in base_models()}
    assert {"Llama 3.1", "Mistral", "Phi-3", "Qwen2", "Gemma 2", "TinyLlama"} <= families
    assert {"Llama 3.3", "Phi-4", "Qwen3", "Qwen3.5", "Gemma 3", "SmolLM2"} <= families


def test_parameters_are_those_of_the_config() -> None:
    told = [entry for entry in base_models() if entry.config is not None]
    assert len(told) > 30
    for entry in told:
        facts = read_facts(entry.config or {})
        assert facts.parameters == entry.parameters, entry.name
        assert facts.linears, entry.name
        assert facts.model_type in classes(), entry.name
        assert entry.facts is not None
        assert (entry.facts.max_positions, entry.facts.parameters) == (entry.context, entry.parameters)


def test_every_model_says_what_a_person_asks_first() -> None:
    for entry in base_models():
        assert entry.context and 1024 <= entry.context <= 2**20, entry.name
        assert entry.template, entry.name
        assert entry.config is None or "max_position_embeddings" not in entry.config, "context says it"
        assert all(trap == trap.strip() and not trap.endswith(".") for trap in entry.traps), entry.name


def test_every_card_has_a_sensible_size() -> None:
    for card in cards():
        assert 4 <= card.memory_gib <= 300, card.name
        assert 0 < (card.gpu.memory_free or 0) < (card.gpu.memory_total or 0)
    assert [card.name for card in cards() if not has_bfloat16(card.gpu)] == ["T4", "V100 32GB"]


ORIGINALS = {
    "llama-3": "llama3_1", "gemma": "gemma", "gemma-3": "gemma3", "phi-3": "phi3", "phi-3.5": "phi3_5",
    "qwen-3": "qwen3", "qwen-3-2507": "qwen3_instruct_2507", "qwen-3.5": "qwen3_5_think",
}  # fmt: skip
"""The original template that trl ships, by the family of the catalogue."""


def rendered(template: str, *turns: dict[str, str]) -> str:
    """What an original template writes; it is a program of others, so it is run in a sandbox."""
    package = importlib.util.find_spec("trl")
    assert package is not None and package.origin is not None
    text = (Path(package.origin).parent / "chat_templates" / f"{template}.jinja").read_text("utf-8")
    world = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)

    def refuse(why: str) -> None:
        raise jinja2.TemplateError(why)

    world.globals.update(raise_exception=refuse, strftime_now=lambda form: "1 Jan 2030")
    return world.from_string(text).render(messages=list(turns), bos_token="", eos_token="")


@pytest.mark.parametrize("family", sorted(ORIGINALS))
def test_what_is_said_of_system_turns_is_what_the_template_does(family: str) -> None:
    told = {entry.system_turns for entry in base_models() if entry.template == family}
    system = {"role": "system", "content": "Be brief."}
    try:
        takes = "Be brief." in rendered(ORIGINALS[family], system, *TALK)
    except jinja2.TemplateError:
        takes = False
    assert told == ({None} if takes else {False})


def test_traps_are_what_the_templates_do() -> None:
    def trap(name: str, words: str) -> bool:
        entry = base_models().find(name)
        assert entry is not None
        return any(words in one for one in entry.traps)

    assert trap("Qwen/Qwen2.5-7B-Instruct", "You are Qwen") and "You are Qwen" in rendered("qwen2_5", *TALK)
    assert trap(QWEN, "empty <think>") and "<think>\n\n</think>" in rendered("qwen3", *TALK)
    assert not trap("Qwen/Qwen3-4B-Instruct-2507", "<think>")
    assert "<think>" not in rendered("qwen3_instruct_2507", *TALK)
    assert trap("meta-llama/Llama-3.1-8B-Instruct", "26 Jul 2024") and "26 Jul 2024" in rendered("llama3_1", *TALK)
    assert trap("meta-llama/Llama-3.2-1B-Instruct", "current date") and "1 Jan 2030" in rendered("llama3_2", *TALK)
    for name, template in (("google/gemma-2-9b-it", "gemma"), ("google/gemma-3-1b-it", "gemma3")):
        assert trap(name, "alternate")
        with pytest.raises(jinja2.TemplateError):
            rendered(template, TALK[0], *TALK)


# What a user writes


def test_a_model_of_ones_own_is_added_and_a_known_one_changed() -> None:
    before = base_models()
    own(MODELS, MINE + '["qwen/qwen3-8b"]\ngated = true\ntraps = ["ask Anna first"]\n')
    now = base_models()
    assert now.problems == ()
    assert [entry.name for entry in now] == [*(entry.name for entry in before), "acme/Support-7B"]
    mine, changed, shipped_one = now.find("ACME/support-7b"), now.find(QWEN), before.find(QWEN)
    assert mine and changed and shipped_one
    assert (mine.parameters, mine.gated, mine.facts) == (7_000_000_000, None, None)
    assert (changed.name, changed.gated, changed.traps) == (QWEN, True, ("ask Anna first",))
    assert (changed.config, changed.licence) == (shipped_one.config, shipped_one.licence)


def test_a_card_of_ones_own_is_added_and_the_price_of_a_known_one_changed() -> None:
    own(CARDS, '["L4"]\nmemory_gib = 22.5\ncapability = "8.9"\n["a100-80gb"]\nprice_per_hour = 2\n')
    new, changed = cards().find("l4"), cards().find("A100 80GB")
    assert new and changed
    assert (new.gpu.memory_total, new.gpu.capability, new.price_per_hour) == (22.5 * 2**30, (8, 9), None)
    assert (changed.name, changed.memory_gib, changed.price_per_hour) == ("A100 80GB", 80, 2)


def test_a_file_is_read_anew_once_it_has_changed() -> None:
    assert base_models().find("acme/Support-7B") is None
    path = own(MODELS, MINE)
    assert base_models().find("acme/Support-7B")
    path.unlink()
    assert base_models().find("acme/Support-7B") is None


SIZES = "vocab_size = 32000, hidden_size = 2048, intermediate_size = 5632, num_attention_heads = 32"
WRONG_MODELS = {
    'stage = "chat"': ("stage", "'chat'"),
    'gated = "yes"': ("gated", "true or false, found 'yes'"),
    "parameters = 8.2e9": ("parameters", "a whole number, found 8200000000.0"),
    "parameters = 0": ("parameters", "a whole number, found 0"),
    "parameters = true": ("parameters", "a whole number, found true"),
    "context = nan": ("context", "a whole number, found nan"),
    'license = "mit"': ("license", "licence"),
    'traps = "one"': ("traps", "a list of sentences, found 'one'"),
    'traps = ["one", 2]': ("traps", "a list of sentences, found 2"),
    'family = "  "': ("family", "text"),
    'name = "other/model"': ("name", "the heading is the name"),
    "config = 3": ("config", "a table of keys of its config.json, found 3"),
    'config = { model_type = "qwen3" }': ("config", "vocab_size"),
    f"config = {{ {SIZES} }}": ("config", "num_hidden_layers"),
    f'config = {{ {SIZES}, model_type = "llama", num_hidden_layers = 2 }}': ("config", "8,190,735,360"),
}


@pytest.mark.parametrize("line", WRONG_MODELS)
def test_a_wrong_model_is_named_by_file_entry_and_field_and_hides_nothing(line: str) -> None:
    names, _ = found(MODELS)
    before = base_models().find(QWEN)
    path = own(MODELS, f'["{QWEN}"]\n{line}\n{MINE}')
    field, words = WRONG_MODELS[line]
    now, ((key, message),) = found(MODELS)
    assert key == f"{path} [{QWEN}] {field}"
    assert words in message
    assert (now, base_models().find(QWEN)) == ([*names, "acme/Support-7B"], before)


@pytest.mark.parametrize(
    ("content", "place", "words"),
    [
        (f'"{QWEN}" = 3\n', QWEN, "a table of fields, found 3"),
        (f'["{QWEN}"]\n["qwen/QWEN3-8b"]\n', "qwen/QWEN3-8b", "twice"),
        ('["Support-7B"]\nfamily = "Support"\nstage = "base"\nlicence = "mit"\n', "Support-7B", "id of a Hub model"),
        ('["a/../../b"]\nfamily = "Support"\nstage = "base"\nlicence = "mit"\n', "a/../../b", "id of a Hub model"),
        ('["new/model"]\nfamily = "Support"\nstage = "base"\n', "new/model] licence", "missing"),
    ],
)
def test_a_wrong_heading_or_a_missing_field_is_named(content: str, place: str, words: str) -> None:
    names, _ = found(MODELS)
    path = own(MODELS, content + MINE)
    now, ((key, message),) = found(MODELS)
    assert key == f"{path} [{place}" + ("" if "]" in place else "]")
    assert words in message
    assert now == [*names, "acme/Support-7B"]


WRONG_CARDS = {
    "memory_gib = 0": ("memory_gib", "above 0, found 0"),
    "memory_gib = inf": ("memory_gib", "above 0, found inf"),
    'memory_gib = "24"': ("memory_gib", "a number above 0, found '24'"),
    "memory = 24": ("memory", "memory_gib, capability, price_per_hour"),
    "capability = 8.6": ("capability", 'in quotes, such as "8.6", found 8.6'),
    'capability = "sm_86"': ("capability", "'sm_86'"),
    "price_per_hour = -1": ("price_per_hour", "above 0, found -1"),
    "price_per_hour = true": ("price_per_hour", "found true"),
    "price_per_hour = 2026-01-01": ("price_per_hour", "found 2026-01-01"),
}


@pytest.mark.parametrize("line", WRONG_CARDS)
def test_a_wrong_card_is_named_by_file_entry_and_field_and_hides_nothing(line: str) -> None:
    names, _ = found(CARDS)
    before = cards().find("T4")
    path = own(CARDS, f'["T4"]\n{line}\n["L4"]\nmemory_gib = 22.5\ncapability = "8.9"\n')
    field, words = WRONG_CARDS[line]
    now, ((key, message),) = found(CARDS)
    assert key == f"{path} [T4] {field}"
    assert words in message
    assert (now, cards().find("T4")) == ([*names, "L4"], before)


def test_everything_wrong_with_an_entry_is_said_at_once() -> None:
    own(CARDS, '["L4"]\nmemory = 24\ncapability = 8.9\n')
    assert [key.rpartition(" ")[2] for key, _ in found(CARDS)[1]] == ["memory_gib", "capability", "memory"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('["T4"\nmemory_gib = 15', "line 1"),
        ('["T4"]\nmemory_gib = 15\n["T4"]\nmemory_gib = 16', "line 3"),
        (b'["T4"]\nname = "\xff"', "byte 15"),
        ("x = " + "[" * 5000, "TOML"),
        ("x = " + "9" * 5000, "TOML"),
        ("# " + "x" * 1_000_001, "longer than"),
    ],
)
def test_a_file_that_is_no_toml_is_left_out_whole_and_named(content: str | bytes, words: str) -> None:
    names, _ = found(CARDS)
    path = own(CARDS, content)
    now, ((key, message),) = found(CARDS)
    assert (key, now) == (str(path), names)
    assert words in message
    assert len(message) < 300


def test_what_is_no_file_is_never_waited_for() -> None:
    names, _ = found(MODELS)
    config_home().mkdir(parents=True)
    os.mkfifo(config_home() / MODELS)
    (config_home() / CARDS).mkdir()
    assert found(MODELS) == (names, [(str(config_home() / MODELS), "left out whole: not a plain file")])
    assert found(CARDS)[1] == [(str(config_home() / CARDS), "left out whole: a folder")]


def test_hostile_names_and_values_are_said_inert() -> None:
    own(CARDS, '["\\u001b]0;evil\\u0007"]\nmemory_gib = "\\u001b[2J"\n"\\u001b[31m" = 1\n')
    said = "".join(f"{key}{message}" for key, message in found(CARDS)[1])
    assert said and "\x1b" not in said and "\x07" not in said


def test_a_user_without_a_home_folder_has_what_ships(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "nowhere")
    assert len(list(cards())) == len(found(CARDS)[0]) > 5
