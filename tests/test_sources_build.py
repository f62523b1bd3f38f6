"""Downloads ahead of loading in a build, and the same bytes whatever form a collection has."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from _gltf import Gltf
from _web import Fault, Web

from dst3d_datasets.build import build
from dst3d_datasets.plan import Plan
from dst3d_datasets.recipe import validate
from dst3d_datasets.sources.folder import Folder
from dst3d_datasets.stages import Work, load_models
from dst3d_datasets.tools import Tools

GLB = Gltf().mesh().glb()


pytestmark = pytest.mark.usefixtures("impatient_home")


def loaded(web: Web, **faults: int) -> tuple[Work, list[str]]:
    recipe = validate(
        {"sources": [{"kind": "folder", "root": web.url}], "views": {"per_model": 1}, "limits": {"enabled": False}}
    )
    refs = list(Folder(recipe.sources[0]).models())
    web.faults += [Fault(f"{name}.glb", "status", code, times=9) for name, code in faults.items()]
    work = Work(recipe, Tools(recipe))
    plan = Plan(recipe, refs, None)
    jobs = [job for spec in plan for job in spec.jobs]
    return work, [job.ref.model_id for job, _ in load_models(work, jobs)]


def test_downloads_run_side_by_side_ahead_of_loading(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    web.files = {f"a/{name}.glb": GLB for name in "abcdefgh"}
    web.faults.append(Fault("glb$", "slow", 0.2, times=8))
    under_way, most, lock = 0, 0, threading.Lock()
    answer = web.content

    def content(path: str) -> bytes | None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.1)  # wide enough that downloads which run side by side are seen to
        with lock:
            under_way -= 1
        return answer(path)

    monkeypatch.setattr(web, "content", content)
    work, found = loaded(web)
    assert found == [f"a/{name}.glb" for name in "abcdefgh"]
    assert most > 1
    assert work.clock.seconds["fetch"] > 1.3
    assert len(web.gets(".glb")) == 8  # nothing is fetched twice


def test_what_cannot_be_fetched_is_skipped_once_with_its_reason(web: Web) -> None:
    web.files = {f"a/{name}.glb": GLB for name in "abc"}
    work, found = loaded(web, b=403)
    assert found == ["a/a.glb", "a/c.glb"]
    (skipped,) = work.skipped
    assert (skipped.reason, skipped.num_views) == ("access_denied", 1)
    assert len(web.gets("b.glb")) <= 1


def test_a_tree_and_zips_over_http_make_the_same_bytes(web: Web, tmp_path: Path, cad_root: Path) -> None:
    pytest.importorskip("torch")
    zips = cad_root / "shapenet" / "ShapeNetCore"
    web.files = {path.name: path.read_bytes() for path in zips.glob("0[34]*.zip")}
    web.files["taxonomy.json"] = (cad_root / "shapenet" / "ShapeNetCore.v2" / "taxonomy.json").read_bytes()
    web.faults += [Fault("zip", "status", 429, times=2, headers={"Retry-After": "0"}), Fault("zip", "truncate", 9000)]
    shards = []
    for root in (str(cad_root / "shapenet"), web.url):
        recipe = validate(
            {
                "sources": [{"kind": "shapenet", "root": root, "cache_bytes": 10**7}],
                "catalogue": {"classes": ["n03636649", "n04256520"]},
                "views": {"per_model": 2},
                "render": {"size": 64},
            }
        )
        report = build(recipe, tmp_path / f"run{len(shards)}", workers=1)
        assert (report.skipped, report.num_samples) == ([], 6)
        found = sorted((tmp_path / f"run{len(shards)}" / "shards").rglob("*.tar"))
        shards.append({path.name: path.read_bytes() for path in found})
    assert shards[0] == shards[1]
    assert web.sent < 0.6 * sum(len(data) for name, data in web.files.items() if name.endswith("zip"))
