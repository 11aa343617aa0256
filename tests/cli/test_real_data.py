"""Fine-tuning the bundled model on real data sets, as they are, with the base in 16, 8 and 4 bits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import start

DATA = Path(__file__).resolve().parents[3] / "shared/data"


@pytest.mark.slow
@pytest.mark.parametrize("bits", [16, 8, 4])
@pytest.mark.parametrize("name", ["gsm8k-train.jsonl", "alpaca_en_demo.json"])
def test_trains_on_real_rows(name: str, bits: int, cli, tmp_path: Path, home: Path) -> None:
    if not (DATA / name).is_file():
        pytest.skip(f"{DATA / name} is not on this machine")
    recipe = tmp_path / "real.toml"
    assert cli("new", "--set", f"data.train={DATA / name}", "-o", recipe).code == 0
    process = start(
        "train", recipe, "--json", "--set", "data.limit=200", "--set", f"quantization.bits={bits}", home=home
    )
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    run = json.loads(out)
    assert (run["state"], run["step"]) == ("finished", run["total_steps"])
    assert run["perplexity"]["tuned"] < run["perplexity"]["base"]
    assert Path(run["adapter"], "adapter_model.safetensors").is_file()
