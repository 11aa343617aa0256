"""Models of the Hub, through huggingface_hub's own download code and a stand-in on the loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.engine.hub import COMMIT, serve
from tests.engine.support import Outcome, conversation, save_model, spawn, wait_for, write_rows
from tuitune.runs.store.directory import Run

SEVERAL = """
import json, pathlib, sys
from huggingface_hub import close_session
from tuitune.engine.worker import carry_out
for runs in sys.stdin:
    codes = [carry_out(pathlib.Path(run)) for run in json.loads(runs)]
    close_session()
    print("codes", json.dumps(codes), flush=True)
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """What the Hub has of `owner`."""
    models = tmp_path / "published"
    tiny = save_model(models / "tiny")
    for extra in ("pytorch_model.bin", "modeling_evil.py", "consolidated.safetensors"):
        (tiny / extra).write_bytes(b"not to be loaded")
    shutil.copytree(tiny, models / "gated")
    shutil.copytree(tiny, models / "pickled", ignore=shutil.ignore_patterns("*.safetensors"))
    (models / "rows").mkdir()
    write_rows(models / "rows" / "train.jsonl", [conversation(number) for number in range(12)])
    return models


def online(endpoint: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    return {**kept, "HF_ENDPOINT": endpoint, "OMP_NUM_THREADS": "1"}


TrainAll = Callable[[list[Run]], list[Outcome]]


@contextmanager
def trainer(endpoint: str) -> Iterator[TrainAll]:
    """Carries out runs one after the other, all in one new process, which takes `endpoint` for the Hub."""
    command = [sys.executable, "-P", "-c", SEVERAL]
    with subprocess.Popen(
        command, env=online(endpoint), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        asked, said = process.stdin, process.stdout

        def train_all(runs: list[Run]) -> list[Outcome]:
            asked.write(json.dumps([str(run.path) for run in runs]) + "\n")
            asked.flush()
            codes = next(line for line in said if line.startswith("codes"))
            return [Outcome(run, code) for run, code in zip(runs, json.loads(codes[5:]), strict=True)]

        yield train_all
        asked.close()


def test_models_come_from_the_hub_once_or_are_refused_in_words(prepared: Callable[..., Run], models: Path) -> None:
    runs = [prepared(model__id=f"owner/{name}") for name in ("tiny", "tiny", "gated", "tyni", "pickled")]
    runs += [prepared(data__train=f"owner/{name}") for name in ("rows", "no-rows")]
    with ExitStack() as stack:
        with serve(models) as hub:
            train_all = stack.enter_context(trainer(hub.endpoint))
            first, again, gated, missing, pickled, hub_rows, no_rows = train_all(runs)
        cached, unknown = train_all([prepared(model__id="owner/tiny"), prepared(model__id="owner/other")])
    assert first.code == again.code == 0, first.reason
    progress = [record for record in first.records("phase") if record["phase"] == "downloading"]
    total = sum((hub.folder / "tiny" / name).stat().st_size for name in hub.served if name != "train.jsonl")
    assert progress[0]["done"] is None
    assert (progress[-1]["done"], progress[-1]["total"], progress[-1]["unit"]) == (total, total, "bytes")
    assert "model.safetensors" in hub.served and len(hub.served) == len(set(hub.served))
    assert not {"pytorch_model.bin", "modeling_evil.py", "consolidated.safetensors"} & set(hub.served)
    config = json.loads((first.run.adapter / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("owner/tiny", COMMIT)
    assert COMMIT in (first.run.adapter / "README.md").read_text()

    assert gated.code == missing.code == pickled.code == 1
    assert str(gated.reason).startswith("owner/gated is gated") and "hf auth login" in str(gated.reason)
    assert str(missing.reason).startswith("owner/tyni does not exist on the Hub")
    assert "safetensors" in str(pickled.reason)
    assert hub_rows.code == 0 and hub_rows.records("plan")[0]["train_rows"] == 11, hub_rows.reason
    assert no_rows.code == 1 and "owner/no-rows" in str(no_rows.reason) and "is not on the Hub" in str(no_rows.reason)

    assert cached.code == 0, cached.reason
    assert unknown.code == 1 and "could not be reached, and owner/other is not" in str(unknown.reason)


@pytest.mark.slow
def test_a_stop_breaks_a_download_off(prepared: Callable[..., Run], models: Path) -> None:
    run = prepared(model__id="owner/tiny")
    with serve(models) as hub:
        hub.slow = True
        process = spawn(run, env=online(hub.endpoint))
        wait_for(run, lambda record: record.get("phase") == "downloading" and bool(record.get("done")))
        process.send_signal(signal.SIGTERM)
        hub.release.set()
        assert process.wait(30) == 3
    assert not run.adapter.exists()
