"""Each kind of card as a slot, before a launch, and to the doctor. The engine's side of the same machines is in
tests/engine."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.hardware import fake_nvml
from tests.hardware.profiles import PROFILES, Profile
from tests.runs.harness import acquire
from tests.runs.queue.contenders import new_run
from tuitune.cli import main
from tuitune.cli.doctor import gpu_findings
from tuitune.hardware import fitness
from tuitune.hardware.gpus import GpuSampler
from tuitune.planning import preflight
from tuitune.recipe.overrides import with_values
from tuitune.recipe.presets import demo_recipe
from tuitune.runs.queue.slots import SlotHolder

EACH = pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(preflight, "_sampler", GpuSampler)
    return fake_nvml.install(monkeypatch)


def doctor(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any]) -> list[Any]:
    monkeypatch.setattr(gpu_findings, "probe", lambda: facts)
    capsys.readouterr()
    code = main(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    assert code == any(finding["level"] == "error" for finding in findings)
    return findings


def facts_of(profile: Profile, **changes: Any) -> dict[str, Any]:
    """What torch says of itself on such a machine."""
    build = profile.build
    cuda = build.cuda and f"{build.cuda[0]}.{build.cuda[1]}"
    works = 0 if profile.refused else len(profile.cards)
    told = {"version": build.version, "cuda": cuda, "architectures": list(build.architectures)}
    return {**told, "devices": works, "error": "", "threads": 8, **changes}


@EACH
def test_the_device_that_a_run_gets(profile: Profile, nvml: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    profile.show(nvml)
    monkeypatch.setattr(fitness, "installed", lambda: profile.build)
    found = acquire(new_run("one"), "auto", share=False)
    assert isinstance(found, SlotHolder) == (profile.device is not None)
    if isinstance(found, SlotHolder):
        assert found.slot.environment == {"CUDA_VISIBLE_DEVICES": profile.device}
        found.release()


@EACH
def test_a_card_that_torch_cannot_use_is_refused_before_the_launch(
    profile: Profile, nvml: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profile.show(nvml)
    monkeypatch.setattr(fitness, "installed", lambda: profile.build)
    found = preflight.check(demo_recipe(), base=tmp_path)
    assert [problem.key for problem in found.errors] == ["hardware.gpu"] * bool(profile.refused)
    assert all(words in str(found.errors[0]) for words in profile.refused)
    assert found.forecast
    assert found.forecast.device == "cuda"
    asked = with_values(demo_recipe(), {"training.precision": "bf16"})
    warned = {one.id for one in preflight.check(asked, base=tmp_path).advice}
    assert ("no-bfloat16" in warned) == (not profile.bfloat16)
    on_cpu = preflight.check(with_values(demo_recipe(), {"hardware.gpu": "cpu"}), base=tmp_path)
    assert on_cpu.errors == []


@EACH
def test_the_doctor_tells_of_each_card(
    profile: Profile,
    nvml: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    profile.show(nvml)
    findings = doctor(capsys, monkeypatch, facts_of(profile))
    cards = [finding for finding in findings if finding["subject"].startswith("GPU ")]
    if profile.refused:
        assert [card["level"] for card in cards] == ["error"]
        assert all(words in cards[0]["message"] for words in profile.refused)
    else:
        usable = [card for card in cards if card["level"] == "ok"]
        assert len(usable) == 1
        assert ("no bf16" in usable[0]["message"]) == (not profile.bfloat16)
        assert f"driver {profile.driver}" in usable[0]["message"]


def test_the_doctor_takes_torchs_word_that_it_cannot_use_a_card(
    nvml: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is known against the card, and yet CUDA does not start."""
    profile = PROFILES["A100"]
    profile.show(nvml)
    fails = facts_of(profile, devices=0, error="CUDA unknown error - 999")
    (finding,) = [one for one in doctor(capsys, monkeypatch, fails) if one["subject"] == "torch on GPU"]
    assert finding["level"] == "error"
    assert all(words in finding["message"] for words in ("580.65.06", "CUDA 13.0", "999"))


@pytest.mark.parametrize(
    ("fault", "blind", "devices", "level"),
    [
        ("LIBRARY_NOT_FOUND", False, 0, "warning"),
        ("LIBRARY_NOT_FOUND", True, 1, "warning"),
        ("LIBRARY_NOT_FOUND", True, 0, "error"),
        ("LIB_RM_VERSION_MISMATCH", False, 0, "error"),
        ("NO_PERMISSION", False, 1, "error"),
    ],
)
def test_the_doctor_where_the_driver_cannot_be_asked(
    nvml: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: str,
    blind: bool,
    devices: int,
    level: str,
) -> None:
    nvml.state["init"] = getattr(nvml, f"NVML_ERROR_{fault}")
    monkeypatch.setattr("tuitune.hardware.gpus._trace", lambda root: Path("/dev/nvidia0") if blind else None)
    findings = doctor(capsys, monkeypatch, facts_of(PROFILES["A100"], devices=devices))
    (finding,) = [one for one in findings if one["subject"] == "GPU"]
    assert finding["level"] == level
    assert ("hardware.gpu = 0" in finding["message"]) == (blind and devices > 0)
    (torch,) = [one for one in findings if one["subject"] == "torch on GPU"]
    assert ("NVML does not" in torch["message"]) == (devices > 0)


def test_the_doctor_and_the_check_miss_a_compiler(
    nvml: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from tuitune.planning.advice import device

    profile = PROFILES["A10G"]
    profile.show(nvml)
    monkeypatch.setattr(fitness, "installed", lambda: profile.build)
    missing = "Python's headers are missing (/usr/include/Python.h); install python3-dev"
    monkeypatch.setattr(gpu_findings, "why_not_compiled", lambda: missing)
    monkeypatch.setattr(device, "_without_compiler", lambda: missing)
    (finding,) = [one for one in doctor(capsys, monkeypatch, facts_of(profile)) if one["subject"] == "compiler"]
    assert finding["level"] == "warning"
    assert missing in finding["message"]
    on_card = preflight.check(demo_recipe(), base=tmp_path).advice
    assert [missing in one.message for one in on_card if one.id == "no-compiler"] == [True]
    on_cpu = preflight.check(with_values(demo_recipe(), {"hardware.gpu": "cpu"}), base=tmp_path).advice
    assert not [one for one in on_cpu if one.id == "no-compiler"]


def test_the_installed_torch_is_read_without_importing_it() -> None:
    told = "print(build.version, build.cuda, build.architectures, 'torch' in sys.modules, sep='|')"
    code = f"import sys; from tuitune.hardware import fitness; build = fitness.installed(); {told}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    read, cuda, architectures, imported = done.stdout.strip().split("|")
    assert read == version("torch")
    assert (cuda == "None") == (architectures == "()") == ("+cpu" in read)
    assert imported == "False"
