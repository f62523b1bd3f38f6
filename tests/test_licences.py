"""Terms of the collections: stated once, enforced by the recipe and the release, told by the card."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from _fake_run import fake_refs, fake_run
from _models import put

from dst3d_datasets.cli import main
from dst3d_datasets.errors import RecipeError, ReleaseError
from dst3d_datasets.licences import family, forbids_derived, is_known, is_non_commercial, split_head, terms_of
from dst3d_datasets.recipe import fingerprint, sample_fingerprint, validate
from dst3d_datasets.release import make_release
from dst3d_datasets.release_index import ModelUse
from dst3d_datasets.release_terms import check_terms
from dst3d_datasets.sources import TABLE
from dst3d_datasets.sources.catalogue import build_sources, resolve

SHAPENET = {"kind": "shapenet", "root": "/nowhere"}
OBJAVERSE = {"kind": "objaverse", "root": "/nowhere"}


def test_every_source_states_its_terms():
    for kind in TABLE:
        terms = terms_of(kind)
        assert terms is not None, kind
        assert terms.access
    assert (terms_of("shapenet").derived, terms_of("shapenet").commercial) == ("no", "no")
    assert terms_of("omniobject3d").licence == "CC-BY-4.0"
    assert terms_of("a_plugin") is None
    assert terms_of("../../LICENSE") is None


@pytest.mark.parametrize(
    ("licence", "short", "derived", "commercial", "known"),
    [
        ("CC-BY-4.0", "by", True, True, True),
        ("CC0-1.0", "cc0", True, True, True),
        ("CC-BY-NC-SA-4.0", "by-nc-sa", True, False, True),
        ("by-nc", "by-nc", True, False, True),
        ("CC-BY-ND-4.0", "by-nd", False, True, True),
        ("CC-BY-NC-ND-3.0", "by-nc-nd", False, False, True),
        ("MIT", "mit", True, True, True),
        ("Apache-2.0", "apache", True, True, True),
        ("LicenseRef-ShapeNet", "licenseref-shapenet", True, True, True),
        ("unknown", "unknown", True, True, False),
        ("", "", True, True, False),
    ],
)
def test_licences(licence, short, derived, commercial, known):
    assert family(licence) == short
    assert forbids_derived(licence) is not derived
    assert is_non_commercial(licence) is not commercial
    assert is_known(licence) is known


def test_heads_of_cards():
    assert split_head("---\na: b: c\n\nd: e\n---\nbody\n---\n") == ({"a": "b: c", "d": "e"}, "body\n---\n")
    assert split_head("no head") == ({}, "no head")


@pytest.mark.parametrize(
    ("sources", "acknowledge", "words"),
    [
        ([SHAPENET], [], r"ShapeNetCore.v2 do not say.*https://shapenet.org/terms.*acknowledge: \[shapenet\]"),
        ([{**SHAPENET, "name": "cars"}], [], r"acknowledge: \[cars\]"),
        ([{"kind": "folder", "root": "/nowhere"}], [], "licence of 'folder' is 'unknown'"),
        ([{"kind": "folder", "root": "/nowhere", "licence": "CC-BY-ND-4.0"}], [], "CC-BY-ND-4.0"),
        ([SHAPENET, {"kind": "folder", "root": "/nowhere"}], ["shapenet"], "'folder'"),
        ([OBJAVERSE], ["shapnet"], "there is no source 'shapnet'; known: objaverse"),
    ],
)
def test_recipes_that_are_to_be_published(sources, acknowledge, words):
    plain = {"sources": sources, "publishable": True, "acknowledge": acknowledge}
    with pytest.raises(RecipeError, match=words):
        validate(plain)
    if "no source" not in words:
        assert not validate(plain | {"publishable": False}).publishable


def test_what_may_be_published_and_that_it_changes_no_sample():
    sources = [OBJAVERSE, {**SHAPENET, "name": "cars"}, {"kind": "folder", "root": "/x", "licence": "CC0-1.0"}]
    for acknowledge in (["cars"], ["shapenet"]):
        recipe = validate({"sources": sources, "publishable": True, "acknowledge": acknowledge})
        plain = validate({"sources": sources})
        assert fingerprint(recipe) == fingerprint(plain)
        assert sample_fingerprint(recipe) == sample_fingerprint(plain)


def test_models_whose_own_licence_forbids_it_are_left_out(tmp_path):
    put(tmp_path / "m", "cup/a.obj", "cup/b.obj", "cup/c.obj")
    table = tmp_path / "models.csv"
    table.write_text("synset,model,licence\nn07930864,a,CC-BY-ND-4.0\nn07930864,b,unknown\nn07930864,c,CC-BY-NC-4.0\n")
    plain = {
        "sources": [{"kind": "folder", "root": str(tmp_path / "m"), "licence": "CC0-1.0"}],
        "catalogue": {"file": str(table)},
    }

    def resolved(**more):
        recipe = validate(plain | more)
        refs, missing = resolve(recipe, build_sources(recipe))
        return [ref.model_id for ref in refs], [(entry.model_id, entry.reason) for entry in missing]

    assert resolved() == (["cup/a.obj", "cup/b.obj", "cup/c.obj"], [])
    assert resolved(publishable=True) == (["cup/c.obj"], [("cup/a.obj", "licence"), ("cup/b.obj", "licence")])
    assert len(resolved(publishable=True, acknowledge=["folder"])[0]) == 3


def use(source: str, licence: str) -> ModelUse:
    return ModelUse("p", "train", "", "thing", -1, source, "m1", "", "", licence, "")


def test_releases_of_what_may_not_be_given_on():
    recipe = validate({"sources": [{**SHAPENET, "name": "cars"}, OBJAVERSE]})
    shape, free, nd, nc = (
        use("cars", "LicenseRef-ShapeNet"),
        use("objaverse", "CC-BY-4.0"),
        use("objaverse", "CC-BY-ND-4.0"),
        use("objaverse", "CC-BY-NC-4.0"),
    )
    with pytest.raises(ReleaseError, match=r"ShapeNetCore.v2 .*shapenet.org/terms.*do not say.*--acknowledge cars"):
        check_terms(recipe, [shape, free])
    with pytest.raises(ReleaseError, match=r"1 models of objaverse.*CC-BY-ND-4.0.*--acknowledge objaverse"):
        check_terms(recipe, [nd, free])
    with pytest.raises(ReleaseError, match="no source 'chairs'"):
        check_terms(recipe, [free], ["chairs"])
    for acknowledge in (["cars", "objaverse"], ["shapenet", "objaverse"]):
        terms = check_terms(recipe, [shape, nd, nc, free], acknowledge)["terms"]
        assert (terms["models"], terms["non_commercial"], terms["unknown"]) == (4, 2, 0)
    said = recipe.model_copy(update={"acknowledge": ("cars",)})
    assert check_terms(said, [shape, free])["terms"]["acknowledged"] == ["cars"]


def test_the_card_and_the_attribution_tell(tmp_path, monkeypatch):
    licences = ("CC-BY-NC-4.0", "unknown", "CC0-1.0")
    refs = [replace(ref, licence=licences[number % 3]) for number, ref in enumerate(fake_refs())]
    monkeypatch.setattr("_fake_run.fake_refs", lambda models: refs)
    fake_run(tmp_path / "run")
    release = make_release(tmp_path / "run", tmp_path / "out")
    terms = release.manifest["terms"]
    assert terms == {"acknowledged": [], "models": 9, "non_commercial": 3, "unknown": 3}
    card = (tmp_path / "out/README.md").read_text()
    assert "**Not for commercial use as a whole.** The terms of 3 of 9 CAD models" in card
    assert "**Unknown licences.** Nobody has stated the licence of 3 CAD models." in card
    for text in (card, (tmp_path / "out/ATTRIBUTION.md").read_text()):
        assert "| Procedural shapes | CC0-1.0 | yes | no | yes | none needed |" in text
        assert "derived:" not in text
    assert yaml.safe_load(card.split("---\n")[1])["pretty_name"]


def test_the_command_passes_it_on(tmp_path, capsys):
    fake_run(tmp_path / "run")
    assert main(["release", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--acknowledge", "moon"]) == 2
    assert "no source 'moon'" in capsys.readouterr().err
    assert main(["release", str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--acknowledge", "primitives"]) == 0
    assert "seen to the terms of `primitives`" in (tmp_path / "out/README.md").read_text()
