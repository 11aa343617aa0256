"""models, gpus --cards and forecast: what the catalogues show on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest

from tests.hardware import fake_nvml
from tests.hardware.profiles import PROFILES
from tests.hardware.test_catalogue import own
from tests.hardware.test_models import cached
from tuitune.hardware.base_models import FILE as MODELS
from tuitune.hardware.cards import FILE as CARDS
from tuitune.planning.checks import remote

MINE = '["mine"]\nmemory_gib = 12\ncapability = "8.6"\nprice_per_hour = 0.3\n'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, from which nobody reaches the Hub."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def no_network(*_arguments: object, **_options: object) -> remote.Remote:
        return remote.Remote(unknown="no network")

    monkeypatch.setattr(remote, "_asked", no_network)
    return folder


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return fake_nvml.install(monkeypatch)


def listed(cli, **options: object) -> dict[str, dict]:
    return {model["id"]: model for model in json.loads(cli("models", "--json").out)}


def recipe(cli, *settings: str) -> Path:
    cli("new", *(word for one in settings for word in ("--set", one)), "-o", "r.toml", "--force")
    return Path("r.toml")


def test_models_lists_this_machine_first_then_the_catalogue(cli, tmp_path: Path) -> None:
    cached(tmp_path, "Qwen/Qwen3-8B")
    models = json.loads(cli("models", "--json").out)
    kinds = [model["kind"] for model in models]
    assert kinds == sorted(kinds, key=["bundled", "local", "hub-cache", "catalogue"].index)
    ids = [model["id"] for model in models]
    assert len(ids) == len(set(ids))
    here, away = models[ids.index("Qwen/Qwen3-8B")], models[ids.index("google/gemma-2-9b-it")]
    assert (here["kind"], here["gated"], here["family"]) == ("hub-cache", None, "Qwen3")
    assert here["path"] and here["parameters"] < 1e6, "what is here is told by its files"
    assert set(here) == set(away) == set(models[0])
    told = {key: away[key] for key in ("path", "gated", "context", "licence", "stage", "template", "complete")}
    assert told == {
        "path": None, "gated": True, "context": 8192, "licence": "gemma", "stage": "instruct", "template": "gemma",
        "complete": False,
    }  # fmt: skip
    assert 8e9 < away["needs"]["qlora"] < away["needs"]["lora"] < 25e9
    assert away["fits"] == {"lora": None, "qlora": None}, "no GPU here to hold it against"
    assert any("system turn" in trap for trap in away["traps"])
    assert models[ids.index("Qwen/Qwen3.5-9B")]["needs"] == {"lora": None, "qlora": None}


def test_models_fit_this_machines_card_where_there_is_one(cli, nvml: ModuleType) -> None:
    PROFILES["A10G"].show(nvml)
    models = listed(cli)
    assert models["Qwen/Qwen3-8B"]["fits"] == {"lora": True, "qlora": True}
    assert models["Qwen/Qwen3-14B"]["fits"] == {"lora": False, "qlora": True}
    line = next(line for line in cli("models").out.splitlines() if "Qwen/Qwen3-14B" in line)
    assert line.index("too big") < line.index("fits")


def test_a_broken_catalogue_is_told_and_hides_nothing(cli) -> None:
    before = listed(cli)
    path = own(MODELS, '["Qwen/Qwen3-8B"]\nstage = "chat"\n["acme/x"]\nfamily = "X"\nstage = "base"\nlicence = "mit"\n')
    answer = cli("models", "--json")
    assert answer.code == 0
    assert f"{path} [Qwen/Qwen3-8B] stage" in answer.err
    assert [model["id"] for model in json.loads(answer.out)] == [*before, "acme/x"]
    own(CARDS, "[broken")
    answer = cli("gpus", "--cards", "--json")
    assert CARDS in answer.err and "T4" in {card["name"] for card in json.loads(answer.out)}
    assert "mine" not in cli("gpus", "--cards").out


def test_cards_are_listed_with_ones_own(cli) -> None:
    own(CARDS, MINE)
    found = {card["name"]: card for card in json.loads(cli("gpus", "--cards", "--json").out)}
    assert found["mine"] == {"name": "mine", "memory_gib": 12, "capability": "8.6", "price_per_hour": 0.3}
    assert found["A100 80GB"]["memory_gib"] == 80
    line = next(line for line in cli("gpus", "--cards").out.splitlines() if line.startswith("mine"))
    assert line.split() == ["mine", "12", "GiB", "8.6", "0.3"]


def test_forecast_holds_a_recipe_against_every_card(cli) -> None:
    own(CARDS, MINE)
    file = recipe(cli, "model.id=Qwen/Qwen3-8B", "quantization.bits=4", "training.gradient_checkpointing=true")
    answer = cli("forecast", file, "--json")
    told = json.loads(answer.out)
    assert answer.code == 0
    assert set(told) == {
        "level", "parts", "total", "card", "free", "fits", "seconds", "cost", "assumptions", "cards",
    }  # fmt: skip
    assert (told["level"], told["card"], told["fits"], told["seconds"]) == ("formula", None, None, None)
    assert told["total"] == sum(told["parts"].values())
    states = {card["card"]: card["state"] for card in told["cards"]}
    assert (states["mine"], states["RTX 4060 8GB"], states["H200"]) == ("fits", "too big", "fits")
    table = cli("forecast", file).out
    assert all(name in table for name in states)


def test_forecast_holds_a_recipe_against_one_card(cli) -> None:
    own(CARDS, MINE)
    file = recipe(cli, "model.id=Qwen/Qwen3-8B")
    told = json.loads(cli("forecast", file, "--card", "MINE", "--json").out)
    assert (told["card"], told["fits"]) == ("mine", False)
    assert told["free"] == round(0.95 * 12 * 2**30)
    assert [card["card"] for card in told["cards"]] == ["mine"]
    smaller = json.loads(cli("forecast", file, "--set", "quantization.bits=4", "--card", "mine", "--json").out)
    assert smaller["total"] < told["total"]
    assert any("catalogue" in text for text in told["assumptions"])
    assert "mine: too big" in cli("forecast", file, "--card", "mine").out


def test_forecast_of_a_model_that_is_here_goes_by_its_files(cli) -> None:
    told = json.loads(cli("forecast", recipe(cli), "--json").out)
    assert told["parts"]["weights"] < 20e6
    assert not any("catalogue" in text for text in told["assumptions"])


@pytest.mark.parametrize(
    ("settings", "arguments", "code", "words"),
    [
        ([], ["--card", "A10"], 2, ["--card", "'A10'", "A10G", CARDS]),
        (["model.id=nowhere"], [], 2, ["model.id", "nowhere"]),
        (["model.id=someone/else"], [], 1, ["no network"]),
        (["model.id=Qwen/Qwen3.5-9B"], [], 1, ["no network"]),
        (["model.id=microsoft/phi-4", 'adapter.targets=["wq"]'], [], 2, ["adapter.targets", "wq"]),
    ],
)
def test_forecast_says_why_there_is_none(cli, settings: list[str], arguments: list[str], code: int, words) -> None:
    answer = cli("forecast", recipe(cli, *settings), *arguments)
    assert (answer.code, answer.out) == (code, "")
    assert all(word in answer.err for word in words), answer.err


def test_listing_goes_nowhere_near_the_network(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a listing went online")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(remote, "_asked", refuse)
    for words in (["models"], ["models", "--json"], ["gpus", "--cards"]):
        assert cli(*words).code == 0
