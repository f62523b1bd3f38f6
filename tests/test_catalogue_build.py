"""Catalogues made from collections: classes by WordNet names, filters, and coverage."""

from __future__ import annotations

import json

import pytest
from _models import put

from dst3d_datasets import imagenet
from dst3d_datasets.camera import alignment_of
from dst3d_datasets.cli import main
from dst3d_datasets.recipe import validate
from dst3d_datasets.sources.catalogue import build_sources, resolve
from dst3d_datasets.sources.catalogue_build import Wanted, build_catalogue, fitting_distance
from dst3d_datasets.sources.catalogue_file import catalogue_text, read_catalogue
from dst3d_datasets.sources.class_names import _aliases, exact, match


@pytest.mark.parametrize(
    ("name", "synset", "strength"),
    [
        ("acoustic_guitar", "n02676566", 1),
        ("airplane", "n02690373", 2),
        ("car_(automobile)", "n04285008", 2),
        ("bow_(weapon)", "n02879718", 1),
        ("bow_(decorative_ribbons)", None, 0),
        ("bow-tie", "n02883205", 1),
        ("cab_(taxi)", "n02930766", 1),
        ("kite", None, 0),  # ImageNet's is a bird
        ("cardigan", "n02963159", 1),  # the garment and not the dog
        ("tank_(storage_vessel)", None, 0),
        ("army_tank", "n04389033", 1),
        ("walking_stick", None, 0),  # ImageNet's is an insect
        ("notebook", None, 0),  # of paper
        ("wagon", "n03538406", 2),  # drawn by a horse, no station wagon
        ("mouse_(computer_equipment)", "n03793489", 1),
        ("monitor_(computer_equipment) computer_monitor", "n03782006", 1),
        ("Mug", "n03063599", 2),
        ("pug-dog", "n02110958", 1),
        ("microwaveoven", "n03761084", 1),
        ("tape_player_boombox", None, 0),
        ("sea_horse_statue", None, 0),  # nothing is guessed from parts of a name
    ],
)
def test_names_of_categories(name, synset, strength):
    found = match(name)
    assert (found.entry.synset, found.strength) == (synset, strength) if synset else found is None
    assert exact(name) is (found.entry if synset and strength == 1 else None)


def test_the_table_of_aliases_is_sound():
    names = [line.split("\t") for line in _text().splitlines()]
    assert [row[0] for row in names] == sorted({row[0] for row in names})
    for name, synset, strength, lemma in names:
        assert name == " ".join(name.lower().split())
        assert (synset, strength, lemma) == ("-", "0", "") or (
            imagenet.by_synset()[synset].name == lemma and strength in "12"
        )
    assert len(_aliases()) == len(names) > 200


def _text() -> str:
    from importlib import resources

    return (resources.files("dst3d_datasets") / "data" / "class_aliases.tsv").read_text(encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    put(tmp_path / "m", "mug/a.obj", "mug/b.glb", "kettle drum/c.glb", "n02690373/d.obj", "teapot/e.obj")
    (tmp_path / "m" / "mug" / "broken.glb").write_bytes(b"")
    return tmp_path / "m"


def recipe_of(folder):
    return validate({"sources": [{"kind": "folder", "root": str(folder), "licence": "CC-BY-4.0"}]})


def test_a_folder(folder, tmp_path):
    rows, coverage = build_catalogue(recipe_of(folder), Wanted())
    assert [(row.synset, row.model_id, row.strength) for row in rows] == [
        ("n02690373", "n02690373/d.obj", 1),
        ("n03063599", "mug/a.obj", 2),
        ("n03063599", "mug/b.glb", 2),
        ("n03063599", "mug/broken.glb", 2),
        ("n04398044", "teapot/e.obj", 1),
    ]
    facts = coverage.to_dict()
    assert (facts["listed"], facts["taken"], facts["opened"]) == (6, 5, 0)
    assert (facts["num_classes"], facts["num_classes_strength_1"], facts["num_classes_of"]) == (3, 2, 1000)
    assert facts["unmatched"] == {"kettle drum": 1}
    assert facts["left_out"] == {"no_class": 1}
    (tmp_path / "c.csv").write_text(catalogue_text(rows))
    recipe = recipe_of(folder).model_copy(
        update={"catalogue": validate({"catalogue": {"file": str(tmp_path / "c.csv")}}).catalogue}
    )
    refs, missing = resolve(recipe, build_sources(recipe))
    assert not missing
    assert sorted(ref.model_id for ref in refs) == sorted(row.model_id for row in rows)


def test_filters_and_looking(folder):
    def ids(**wanted):
        rows, coverage = build_catalogue(recipe_of(folder), Wanted(**wanted))
        return [row.model_id for row in rows], coverage

    assert ids(licences=("by", "cc0"))[1].taken == 5
    assert ids(licences=("cc0", "by-sa"))[1].left_out == {"licence": 5, "no_class": 1}
    assert ids(max_strength=1)[0] == ["n02690373/d.obj", "teapot/e.obj"]
    taken, coverage = ids(look=True)
    assert "mug/broken.glb" not in taken
    assert coverage.left_out == {"no_class": 1, "unreadable": 1}
    assert coverage.opened == 5
    assert ids(min_faces=5)[0] == ["n02690373/d.obj", "mug/a.obj", "teapot/e.obj"]
    assert ids(max_faces=5)[0] == ["mug/b.glb"]
    assert ids(textured=True)[1].left_out["textureless"] == 4
    (row, *_), _ = build_catalogue(recipe_of(folder), Wanted(look=True))
    assert (row.textureless, row.distance) == (True, fitting_distance((1, 1 / 3, 2 / 3)))


def test_the_distance_holds_the_model():
    assert fitting_distance((1.0, 1.0, 1.0)) == pytest.approx(2.08, abs=0.01)
    assert fitting_distance((1.0, 0.0, 0.0)) == pytest.approx(1.2, abs=0.01)


def test_the_real_collections(cad_root, tmp_path, capsys):
    for root, kind, taken, classes in (
        ("objaverse/hf-objaverse-v1", "objaverse", 23, 15),
        ("shapenet/ShapeNetCore.v2", "shapenet", 19, 7),
        ("omniobject3d", "omniobject3d", 8, 6),
    ):
        out = tmp_path / f"{kind}.csv"
        assert main(["catalogue", str(cad_root / root), "-o", str(out), "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert (facts["taken"], facts["num_classes"]) == (taken, classes)
        rows = read_catalogue(out)
        assert len(rows) == taken
        assert all(row.source == kind and row.exact for row in rows)
        backs = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0)
        assert {row.alignment for row in rows} == {backs if kind == "shapenet" else (1.0, 0, 0, 0, 1.0, 0, 0, 0, 1.0)}
    out = tmp_path / "free.csv"
    assert main(["catalogue", str(cad_root / "objaverse/hf-objaverse-v1"), "-o", str(out), "--licence", "cc0"]) == 0
    assert {row.licence for row in read_catalogue(out)} == {"CC0-1.0"}
    assert "written to" in capsys.readouterr().out


def test_what_the_command_refuses(tmp_path, capsys):
    assert main(["catalogue", str(tmp_path / "gone")]) == 2
    assert "neither a recipe" in capsys.readouterr().err
    assert main(["catalogue", "hf://datasets/a/b"]) == 2
    assert "--kind" in capsys.readouterr().err
    assert main(["catalogue", "quickstart", "--json"]) == 0  # a recipe: its procedural models
    assert json.loads(capsys.readouterr().out)["num_classes"] > 2


def test_the_references_catalogue_as_our_table(cad_root, tmp_path, capsys):
    recipe = {
        "sources": [
            {"kind": "objaverse", "root": str(cad_root / "objaverse")},
            {"kind": "shapenet", "root": str(cad_root / "shapenet" / "ShapeNetCore.v2")},
            {"kind": "omniobject3d", "root": str(cad_root / "omniobject3d")},
        ],
        "catalogue": {"file": str(cad_root / "models.csv")},
    }
    (tmp_path / "r.yaml").write_text(json.dumps(recipe))
    assert main(["catalogue", str(tmp_path / "r.yaml"), "-o", str(tmp_path / "ours.csv")]) == 0
    assert "exact: false in 1 rows" in capsys.readouterr().out
    rows = {row.model_id: row for row in read_catalogue(tmp_path / "ours.csv")}
    assert [name for name, row in rows.items() if not row.exact] == ["omniobject3d_frying_pan_001"]
    before, _ = resolve(validate(recipe), build_sources(validate(recipe)))
    ours = validate({**recipe, "catalogue": {"file": str(tmp_path / "ours.csv")}})
    after, _ = resolve(ours, build_sources(ours))
    assert [ref.uid for ref in after] == [ref.uid for ref in before]
    for old, new in zip(before, after, strict=True):
        assert (new.distance, new.strength, new.sampling, new.exact) == (
            old.distance,
            old.strength,
            old.sampling,
            old.elevation == 0,
        )
        assert abs(alignment_of(old) - alignment_of(new)).max() < 1e-9
