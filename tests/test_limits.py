"""Models that hang, eat the memory or crash their reader are given up, and the build goes on."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from _models import put
from _toy import toy_recipe

from dst3d_datasets.errors import LoaderError, ModelRefused, Reason, SourceError
from dst3d_datasets.nouns import CadModel, Material, ModelRef, Part
from dst3d_datasets.plan import Plan
from dst3d_datasets.recipe import Limits, fingerprint, validate
from dst3d_datasets.shard import make_shard
from dst3d_datasets.sources import limits
from dst3d_datasets.sources.catalogue import build_sources, resolve
from dst3d_datasets.sources.limits import LimitedSource, Loader
from dst3d_datasets.store import Store
from dst3d_datasets.tools import Tools


@pytest.fixture
def loader():
    loader = Loader(Limits(seconds=2.0, memory_mb=150))
    yield loader
    loader.close()


def refusal(loader: Loader, name: str) -> ModelRefused:
    with pytest.raises(ModelRefused) as caught:
        loader.call(f"_hostile:{name}")
    return caught.value


def test_a_model_comes_back_as_it_was(loader):
    texture = np.random.default_rng(0).integers(0, 256, (300, 200, 4), dtype=np.uint8)
    part = Part(
        vertices=np.arange(9, dtype=np.float32).reshape(3, 3),
        faces=np.array([[0, 1, 2]], dtype=np.int32),
        normals=np.ones((3, 3), dtype=np.float32),
        material=Material(texture=texture, unlit=True),
    )
    ref = ModelRef(source="s", model_id="m", class_name="thing", keywords=("a", "b"))
    model = CadModel(ref=ref, parts=(part, part), size=(1.0, 0.5, 0.25), warnings=("w",))
    back = loader.call("_hostile:echo", model)
    assert (back.ref, back.size, back.warnings) == (ref, model.size, model.warnings)
    for name in ("vertices", "faces", "normals"):
        before, after = getattr(part, name), getattr(back.parts[1], name)
        assert np.array_equal(before, after)
        assert (after.dtype, after.flags.writeable) == (before.dtype, True)
    assert back.parts[0].uv is None
    assert np.array_equal(back.parts[0].material.texture, texture)
    assert back.parts[0].material.unlit


def test_the_way_costs_little(loader):
    """Measured: 0.1 ms a model and 0.4 ms a megabyte. What is tested is only that nobody has made it slow."""
    assert len(loader.call("_hostile:make", 10)) == 10**7
    best = {}
    for megabytes in (0, 10):
        times = []
        for _ in range(10):
            start = time.perf_counter()
            loader.call("_hostile:make", megabytes)
            times.append(time.perf_counter() - start)
        best[megabytes] = min(times)
    assert best[0] < 0.01
    assert best[10] < 0.1


def test_the_process_is_kept_and_started_anew_after_a_death(loader):
    first = loader.call("_hostile:process_id")
    assert first == loader.call("_hostile:process_id") != os.getpid()
    with pytest.raises(ModelRefused, match="none"):
        loader.call("_hostile:refuse")
    assert loader.call("_hostile:process_id") == first
    assert refusal(loader, "crash").reason == Reason.UNREADABLE
    second = loader.call("_hostile:process_id")
    assert second != first
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)  # no zombie is left either
    loader.close()
    with pytest.raises(ProcessLookupError):
        os.kill(second, 0)


@pytest.mark.parametrize(
    ("name", "reason", "words"),
    [
        ("spin", Reason.TIME_LIMIT, "more than 2 s of processor time"),
        ("eat", Reason.MEMORY_LIMIT, "memory"),
        ("swallow_and_eat", Reason.MEMORY_LIMIT, "as the loader says it"),
        ("crash", Reason.UNREADABLE, "SIGSEGV"),
        ("leave", Reason.UNREADABLE, "exit code 7"),
        ("intrude", Reason.UNREADABLE, "no model (posix.system"),
    ],
)
def test_what_goes_wrong_is_a_reason(loader, name, reason, words, capfd):
    refused = refusal(loader, name)
    assert refused.reason == reason
    assert words in refused.detail
    assert loader.call("_hostile:echo", 1) == 1
    assert refusal(loader, name).reason == reason  # the same on a process that has worked before
    assert "intruder" not in capfd.readouterr().out


def test_a_process_that_does_not_start_is_no_models_fault(monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(LoaderError, match=r"exit code 1.*limits.enabled: false"):
        Loader(Limits()).call("_hostile:echo", 1)


def test_a_sleeper_is_given_up_by_the_clock(monkeypatch):
    monkeypatch.setattr(limits, "PATIENCE", 2)
    loader = Loader(Limits(seconds=0.3))
    assert loader.call("_hostile:echo", 1) == 1
    start = time.monotonic()
    assert refusal(loader, "sleep").reason == Reason.TIME_LIMIT
    assert time.monotonic() - start < 5
    loader.close()


def test_errors_that_are_no_refusal_keep_their_kind(loader):
    with pytest.raises(SourceError, match="no such folder"):
        loader.call("_hostile:no_source")
    with pytest.raises(RuntimeError, match=r"KeyError.*a slip of ours"):
        loader.call("_hostile:defect")


def test_a_build_skips_such_models_and_goes_on(tmp_path, toys, monkeypatch):
    put(tmp_path / "models", "cup/a.obj", "cup/crash.obj", "cup/eat.obj", "cup/hang.glb", "cup/z.glb")
    monkeypatch.setattr(limits, "OPEN", "_hostile:open_or")
    recipe = toy_recipe(
        sources=[{"kind": "folder", "root": str(tmp_path / "models")}],
        limits={"seconds": 2.0, "memory_mb": 150},
        views={"per_model": 2},
        shards={"samples": 100},
    )
    refs, _ = resolve(recipe, build_sources(recipe))
    (spec,) = Plan(recipe, refs)
    receipt = make_shard(recipe, spec, Store(tmp_path / "run"))
    assert receipt.num_samples == 4
    assert {row.uid.rsplit("/", 1)[-1]: (row.reason, row.num_views) for row in receipt.skipped} == {
        "crash.obj": ("unreadable", 2),
        "eat.obj": ("memory_limit", 2),
        "hang.glb": ("time_limit", 2),
    }


def test_where_limits_apply_and_what_they_change(tmp_path):
    put(tmp_path, "cup/a.obj")
    sources = [{"kind": "folder", "root": str(tmp_path)}, {"kind": "primitives"}]
    limited, free = validate({"sources": sources}), validate({"sources": sources, "limits": {"enabled": False}})
    assert isinstance(Tools(limited).source("folder"), LimitedSource)
    assert not isinstance(Tools(limited).source("primitives"), LimitedSource)
    assert not isinstance(Tools(free).source("folder"), LimitedSource)
    assert fingerprint(limited) == fingerprint(free)
    source = Tools(limited).source("folder")
    (ref,) = source.models()
    assert source.find("", "a") == ref
    (here,), (there,) = (tools.source("folder").open(ref).parts for tools in (Tools(free), Tools(limited)))
    assert np.array_equal(here.vertices, there.vertices)
    assert np.array_equal(here.normals, there.normals)
