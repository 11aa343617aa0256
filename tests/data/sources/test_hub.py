"""Hub data sets through the real `datasets`, against a stand-in for the Hub on the loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.engine.hub import Hub, serve
from tuitune.data.sources.names import resolve, stamp

READ = """
import json, sys
from tuitune.data.sources.names import content_hash, open_source, resolve
from tuitune.problem import TuituneError
for name, split, limit, first in json.loads(sys.argv[1]):
    try:
        rows = list(open_source(resolve(name), split=split, limit=limit, first=first))
        print(json.dumps([[row.number, row.values] for row in rows]))
    except TuituneError as error:
        print(json.dumps(str(error)))
print(json.dumps(content_hash(resolve("owner/rows"))))
"""

Wish = tuple[str, str, int | None, int]


def ask(endpoint: str, *wishes: Wish, offline: bool = False) -> list:
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": str(int(offline)), "NO_PROXY": "*"}
    command = [sys.executable, "-P", "-c", READ, json.dumps(wishes)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def fill(folder: Path) -> None:
    for name in ("rows", "outside", "inside", "several"):
        (folder / name).mkdir()
    lines = "".join(f'{{"text": "row {number}"}}\n' for number in range(1, 451))
    (folder / "rows" / "train.jsonl").write_text(lines)
    (folder / "rows" / "test.jsonl").write_text('{"text": "held out"}\n')
    card = "---\nconfigs:\n- config_name: one\n  data_files: {}\n---\n"
    (folder / "outside" / "README.md").write_text(card.format("http://127.0.0.1:9/latest/meta-data.json"))
    (folder / "inside" / "README.md").write_text(card.format(folder.parent / "secret.json"))
    (folder.parent / "secret.json").write_text('[{"text": "a secret"}]')
    several = (
        "---\nconfigs:\n- config_name: main\n  data_files: a.jsonl\n- config_name: other\n  data_files: b.jsonl\n---\n"
    )
    (folder / "several" / "README.md").write_text(several)
    for name in ("a", "b"):
        (folder / "several" / f"{name}.jsonl").write_text(f'{{"text": "{name}"}}\n')


def test_names_of_hub_sets() -> None:
    source = resolve("owner/rows:main")
    assert source.kind == "hub" and source.name == "owner/rows:main" and not source.light and source.path is None
    assert stamp(source) != stamp(resolve("owner/rows"))


def test_rows_of_the_hub_streamed_prepared_and_offline(tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    fill(tmp_path / "hub")
    hub: Hub
    with serve(tmp_path / "hub") as hub:
        streamed, whole, far, heldout, split, missing, outside, inside, unnamed, named, revision = ask(
            hub.endpoint,
            ("owner/rows", "train", 3, 1),
            ("owner/rows", "train", None, 1),
            ("owner/rows", "train", 2, 449),
            ("owner/rows", "test", 5, 1),
            ("owner/rows", "nothing", 5, 1),
            ("owner/none", "train", 5, 1),
            ("owner/outside", "train", 5, 1),
            ("owner/inside", "train", None, 1),
            ("owner/several", "train", 5, 1),
            ("owner/several:other", "train", 5, 1),
        )
    assert streamed == [[number, {"text": f"row {number}"}] for number in (1, 2, 3)]
    assert len(whole) == 450 and whole[-1] == [450, {"text": "row 450"}] and far == whole[448:]
    assert heldout == [[1, {"text": "held out"}]]
    assert "nothing" in split and "train" in split
    assert missing.startswith("owner/none: is not on the Hub")
    assert "its card names files outside of it" in outside and "its card names files outside of it" in inside
    assert "has several configurations; name one: owner/several:main, owner/several:other" in unnamed
    assert named == [[1, {"text": "b"}]] and len(revision) == 64
    again, page, unknown, same = ask(
        "http://127.0.0.1:9",
        ("owner/rows", "train", None, 1),
        ("owner/rows", "train", 1, 450),
        ("owner/none", "train", 5, 1),
        offline=True,
    )
    assert again == whole and page == whole[449:]
    assert "owner/none" in unknown and "cache" in unknown
    assert same == revision
