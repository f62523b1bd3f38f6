"""What readers get: `load_dataset` at a tag, its configs, the tables; and the verbs on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import _fake_run
import pytest
from _publish import NAME, hub, outside, released
from minihub import MiniHub

__all__ = ["hub"]

READ = """
import json, sys
import datasets
datasets.disable_progress_bars()
name, config, revision, streaming = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4] == "stream"
rows = datasets.load_dataset(name, config, split="train", revision=revision, streaming=streaming)
told = [(row["__key__"], sorted(row), row["json"]["azimuth"], len(row["json"]["R"])) for row in rows]
print(json.dumps([dict(zip(("key", "columns", "azimuth", "R"), each)) for each in told]))
"""


def read(hub: MiniHub, home: Path, config: str, revision: str, how: str) -> list[dict[str, Any]]:
    """The rows that `datasets` gives."""
    return json.loads(outside(hub, home, "-c", READ, NAME, config, revision, how).stdout.splitlines()[-1])


def test_versions_load_with_no_code_of_ours(hub: MiniHub, tmp_path: Path) -> None:
    released(tmp_path / "one", models=2).push_to_hub(NAME, "1.0.0")
    released(tmp_path / "two", follows=tmp_path / "one", models=3).push_to_hub(NAME, "1.1.0")
    counts = {}
    for revision in ("v1.0.0", "v1.1.0"):
        for config in ("default", "labels"):
            rows = read(hub, tmp_path / "cache", config, revision, "stream")
            keys = [row["key"] for row in rows]
            assert len(keys) == len(set(keys))
            assert all(row["R"] == 3 and isinstance(row["azimuth"], float) for row in rows)
            assert ("jpg" in rows[0]["columns"]) == (config == "default")
            counts[revision, config] = sorted(keys)
        assert counts[revision, "default"] == counts[revision, "labels"]
    assert set(counts["v1.0.0", "default"]) < set(counts["v1.1.0", "default"])
    assert [len(counts[revision, "default"]) for revision in ("v1.0.0", "v1.1.0")] == [24, 36]
    whole = read(hub, tmp_path / "cache", "labels", "v1.1.0", "copy")
    assert sorted(row["key"] for row in whole) == counts["v1.1.0", "labels"]


def test_the_table_finds_any_sample(hub: MiniHub, tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    from dst3d_datasets.tar import read_index, read_sample

    folder = tmp_path / "one"
    released(folder, models=2)
    rows = [row for path in sorted(folder.glob("index/*/*.parquet")) for row in parquet.read_table(path).to_pylist()]
    assert len(rows) == 24
    for row in rows:
        with (folder / row["shard"]).open("rb") as stream:
            stream.seek(row["offset"])
            block = stream.read(row["num_bytes"])
            entry = next(entry for entry in read_index(stream) if entry.key == row["key"])
            label = json.loads(dict(read_sample(stream, entry).members)["json"])
        assert block[:100].startswith(f"{row['key']}.cls".encode())
        assert label["azimuth"] == row["azimuth"]
        assert [number for line in label["R"] for number in line] == row["R"]


def test_the_code_of_a_published_card_runs(hub: MiniHub, tmp_path: Path) -> None:
    """As it stands there, on a machine that has nothing of the data set."""
    released(tmp_path / "one", models=2).push_to_hub(NAME, "1.0.0")
    card = hub.repos[NAME].tree("v1.0.0")["README.md"].data.decode()
    code = card.split("```python\n")[1].split("```")[0].replace("num_workers=4", "num_workers=0")
    assert f'REPO, REVISION = "{NAME}", "v1.0.0"' in code
    assert "path/to" not in code
    code = re.sub(r"# timm.*?\n\n", "", code, flags=re.DOTALL)  # see test_card: it needs a torchvision that fits
    told = outside(
        hub, tmp_path / "home", "-c", code + "\nprint(label['schema'], batch['K'].shape, row['cls'], FOLDER)"
    )
    assert told.stdout.startswith("dst3d/1 (24, 3, 3) ")
    assert str(tmp_path / "home") in told.stdout  # the copy is in the user's cache


def test_the_verbs(hub: MiniHub, tmp_path: Path) -> None:
    cli = ("-m", "dst3d_datasets.cli")
    one, two = tmp_path / "one", tmp_path / "two"
    released(one, models=2)
    home = tmp_path / "home"
    dry = outside(hub, home, *cli, "publish", str(one), NAME, "--version", "1.0.0", "--dry-run").stdout
    assert "nothing was changed" in dry
    assert "data/train/train-00000.tar" in dry
    told = json.loads(outside(hub, home, *cli, "publish", str(one), NAME, "--version", "1.0.0", "--json").stdout)
    assert told["version"] == "1.0.0"
    again = outside(hub, home, *cli, "publish", str(one), NAME, "--version", "1.0.0").stdout
    assert "is published already" in again
    released(two, follows=one, models=3)
    diff = json.loads(outside(hub, home, *cli, "diff", f"{NAME}@v1.0.0", str(two), "--json").stdout)
    assert diff["bump"] == "minor"
    assert sum(diff["added"].values()) == 12
    follow = outside(
        hub, home, *cli, "release", f"{two}-run", "--out", str(tmp_path / "three"), "--follows", NAME, "--json"
    )
    assert json.loads(follow.stdout)["num_shards"] == len(list(two.glob("data/*/*.tar")))
    wrong = outside(hub, home, *cli, "publish", str(two), NAME, "--version", "1.0.1", check=False)
    assert wrong.returncode == 2
    assert "publish it as 1.1.0" in wrong.stderr
    assert "hf_test" not in wrong.stdout + wrong.stderr + json.dumps(told)
    missing = outside(hub, home, *cli, "diff", "me/nothing", str(two), check=False)
    assert missing.returncode == 1
    assert "me/nothing" in missing.stderr


@pytest.mark.parametrize("what", ["relabelled", "redrawn", "dropped"])
def test_the_difference_decides_the_bump(tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from dst3d_datasets.release import open_release
    from dst3d_datasets.release_diff import difference

    changes: dict[str, dict[str, Any]] = {
        "relabelled": {"render": {"size": 32, "focal": 1.5}},
        "redrawn": {},
        "dropped": {"models": 1},
    }
    released(tmp_path / "one", models=2)
    if what == "redrawn":
        monkeypatch.setattr(_fake_run.images, "PNG_LEVEL", 0)
    released(tmp_path / "two", follows=tmp_path / "one", **({"models": 2} | changes[what]))
    folders = [tmp_path / name for name in ("one", "two")]
    manifests = [open_release(folder).manifest for folder in folders]
    change = difference(*manifests, lambda path: folders[0] / path, lambda path: folders[1] / path)
    assert change.bump() == ("major" if what == "relabelled" else "minor")
    assert sum(getattr(change, what).values()) == (12 if what == "dropped" else 24)
    counted = {
        name: sum(getattr(change, name).values()) for name in ("added", "dropped", "redrawn", "relabelled", "moved")
    }
    assert sum(counted.values()) == counted[what]
    same = difference(manifests[0], manifests[0], lambda path: folders[0] / path, lambda path: folders[0] / path)
    assert (same.bump(), same.same_blocks) == ("patch", 1)
