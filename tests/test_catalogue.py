"""models.csv, the order of looking, and which models a recipe takes."""

from __future__ import annotations

import pytest
from _gltf import Gltf

from dst3d_datasets import imagenet
from dst3d_datasets.errors import RecipeError
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.recipe import validate
from dst3d_datasets.sources.catalogue import build_sources, read_catalogue, resolve

HEAD = "synset,model_id,distance,azimuth,elevation,strength,sampling\n"
ROW = "n02690373,abc,1.67,180.0,0.0,1,1\n"


@pytest.mark.parametrize(
    "head", [HEAD, HEAD.replace("model_id", "model"), "", "\ufeff" + HEAD, "\n" + HEAD.upper() + "\n"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_headers(tmp_path, head, end):
    path = tmp_path / "models.csv"
    path.write_bytes((head + ROW + '"n02676566", a b ,1.5,-90,-90,2,5\n').replace("\n", end).encode())
    one, two = read_catalogue(path)
    assert (one.synset, one.model_id, one.distance, one.azimuth, one.strength) == ("n02690373", "abc", 1.67, 180.0, 1)
    assert (two.model_id, two.azimuth, two.elevation, two.strength, two.sampling) == ("a b", -90, -90, 2, 5)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("n02690373,abc,1.67,180.0,0.0,1\n", "6 columns"),
        ("n02690373,abc,1.67,180.0,0.0,1,1,9\n", "8 columns"),
        ("02690373,abc,1.67,180.0,0.0,1,1\n", "synset '02690373'"),
        ("n02690373,,1.67,180.0,0.0,1,1\n", "model_id is empty"),
        ("n02690373,abc,far,180.0,0.0,1,1\n", "distance 'far' is not a number"),
        ("n02690373,abc,0.5,180.0,0.0,1,1\n", "distance 0.5"),
        ("n02690373,abc,1.5,nan,0.0,1,1\n", "azimuth 'nan'"),
        ("n02690373,abc,1.5,inf,0.0,1,1\n", "azimuth 'inf'"),
        ("n02690373,abc,1.5,0,0.0,3,1\n", "strength 3"),
        ("n02690373,abc,1.5,0,0.0,1,6\n", "sampling 6"),
        ("n02690373,abc,1.5,0,0.0,1,1.5\n", "sampling 1.5"),
    ],
)
def test_bad_rows_are_named_by_line(tmp_path, row, words):
    path = tmp_path / "models.csv"
    path.write_text(HEAD + ROW + "\n" + row)
    with pytest.raises(RecipeError, match=r"line 4: ") as caught:
        read_catalogue(path)
    assert words in str(caught.value)


def test_files_that_are_no_catalogue(tmp_path):
    with pytest.raises(RecipeError, match="no such file"):
        read_catalogue(tmp_path / "gone.csv")
    (tmp_path / "empty.csv").write_text(HEAD)
    with pytest.raises(RecipeError, match="no rows"):
        read_catalogue(tmp_path / "empty.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00n")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_catalogue(tmp_path / "binary.csv")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_catalogue(tmp_path)


class Listed:
    """A source that has what it is given, and counts."""

    def __init__(
        self, name: str, ids: tuple[str, ...], class_name: str = "airliner", synset: str = "n02690373"
    ) -> None:
        self.name, self._ids, self._class, self._synset = name, ids, class_name, synset

    def models(self):
        for model_id in self._ids:
            yield ModelRef(source=self.name, model_id=model_id, class_name=self._class, synset=self._synset)

    def find(self, synset: str, model_id: str):
        if model_id not in self._ids:
            return None
        return ModelRef(source=self.name, model_id=model_id, class_name="?", synset=synset, author=self.name)

    def open(self, ref):
        raise AssertionError("planning opens nothing")


KINDS = ("folder", "objaverse", "shapenet", "omniobject3d")


def recipe(tmp_path, text: str | None = None, kinds=KINDS, seed: int = 0, **catalogue):
    if text is not None:
        (tmp_path / "models.csv").write_text(text)
        catalogue["file"] = str(tmp_path / "models.csv")
    return validate({"seed": seed, "sources": [{"kind": k, "root": "r"} for k in kinds], "catalogue": catalogue})


def test_the_references_order_of_looking(tmp_path):
    sources = {
        "folder": Listed("folder", ("a", "b", "c", "d")),
        "objaverse": Listed("objaverse", ("a", "b", "omniobject3d_x_001")),
        "shapenet": Listed("shapenet", ("a", "omniobject3d_x_001")),
        "omniobject3d": Listed("omniobject3d", ("omniobject3d_x_001", "a")),
    }
    ids = ("a", "b", "c", "omniobject3d_x_001", "omniobject3d_y_001", "toys4k_ball_7", "gone")
    text = HEAD + "".join(f"n02690373,{name},1.67,90,-15,2,4\n" for name in ids)
    found, missing = resolve(recipe(tmp_path, text), sources)
    assert {ref.model_id: ref.source for ref in found} == {
        "a": "shapenet",
        "b": "objaverse",
        "c": "folder",
        "omniobject3d_x_001": "omniobject3d",
    }
    first = found[0]
    assert (first.distance, first.azimuth, first.elevation, first.strength, first.sampling) == (1.67, 90, -15, 2, 4)
    assert (first.class_name, first.class_index, first.synset) == ("airliner", 404, "n02690373")
    assert first.author == first.source
    assert {row.model_id: row.reason for row in missing} == {
        "omniobject3d_y_001": "missing",
        "toys4k_ball_7": "unsupported",
        "gone": "missing",
    }
    details = {row.model_id: row.detail for row in missing}
    assert ".blend" in details["toys4k_ball_7"]
    assert "line 8" in details["gone"]


def test_rows_without_a_source_that_could_have_them(tmp_path):
    found, missing = resolve(
        recipe(tmp_path, HEAD + ROW.replace("abc", "omniobject3d_x_1"), kinds=("folder",)),
        {"folder": Listed("folder", ("omniobject3d_x_1",))},
    )
    assert found == []
    assert "no source that could have it" in missing[0].detail


def test_order_does_not_depend_on_the_file(tmp_path):
    rows = [f"n02690373,m{i},1.5,0,0,1,1\n" for i in range(20)] + [f"n02676566,k{i},1.5,0,0,1,1\n" for i in range(5)]
    source = {"folder": Listed("folder", tuple(f"{c}{i}" for c in "mk" for i in range(20)))}
    one, _ = resolve(recipe(tmp_path, HEAD + "".join(rows), kinds=("folder",)), source)
    two, _ = resolve(recipe(tmp_path, "".join(reversed(rows)), kinds=("folder",)), source)
    assert one == two
    assert [ref.class_id for ref in one] == ["n02676566"] * 5 + ["n02690373"] * 20


def test_duplicates(tmp_path, caplog):
    source = {"folder": Listed("folder", ("abc",))}
    found, _ = resolve(recipe(tmp_path, HEAD + ROW + ROW, kinds=("folder",)), source)
    assert len(found) == 1
    assert "listed twice" in caplog.text
    with pytest.raises(RecipeError, match="two different entries for n02690373/folder/abc"):
        resolve(recipe(tmp_path, HEAD + ROW + ROW.replace("180", "90"), kinds=("folder",)), source)


def test_one_model_may_stand_in_two_classes(tmp_path):
    text = HEAD + ROW + ROW.replace("n02690373", "n02676566")
    found, _ = resolve(recipe(tmp_path, text, kinds=("folder",)), {"folder": Listed("folder", ("abc",))})
    assert [ref.class_name for ref in found] == ["acoustic guitar", "airliner"]


def listed(count: int = 12) -> dict:
    return {
        "folder": Listed("folder", tuple(f"m{i}" for i in range(count))),
        "objaverse": Listed("objaverse", ("x", "y"), "Space Ship", ""),
    }


@pytest.mark.parametrize("name", ["airliner", "n02690373", "Airliner"])
def test_classes_by_name_or_synset(tmp_path, name):
    found, _ = resolve(recipe(tmp_path, classes=[name]), listed())
    assert {ref.class_name for ref in found} == {"airliner"}


def test_classes_outside_imagenet(tmp_path):
    for name in ("Space Ship", "space ship", listed()["objaverse"].models().__next__().class_id):
        found, _ = resolve(recipe(tmp_path, classes=[name]), listed())
        assert [ref.model_id for ref in found] == ["x", "y"]


def test_unknown_classes_get_near_matches(tmp_path):
    with pytest.raises(RecipeError, match=r"no model of the class 'airlinr'; did you mean 'airliner'"):
        resolve(recipe(tmp_path, classes=["airlinr"]), listed())
    with pytest.raises(RecipeError, match=r"no model of the class 'zzz'; known: "):
        resolve(recipe(tmp_path, classes=["airliner", "zzz"]), listed())
    with pytest.raises(RecipeError, match="no model of the class 'banana'"):  # ImageNet has it, the sources do not
        resolve(recipe(tmp_path, classes=["banana"]), listed())


def test_strength(tmp_path):
    text = HEAD + ROW + "n02690373,weak,1.5,0,0,2,1\nn02690373,gone,1.5,0,0,2,1\n"
    source = {"folder": Listed("folder", ("abc", "weak"))}
    found, missing = resolve(recipe(tmp_path, text, kinds=("folder",), max_strength=1), source)
    assert [ref.model_id for ref in found] == ["abc"]
    assert missing == []
    found, missing = resolve(recipe(tmp_path, text, kinds=("folder",)), source)
    assert [ref.model_id for ref in found] == ["abc", "weak"]
    assert [row.model_id for row in missing] == ["gone"]


def test_models_per_class_is_chosen_by_name(tmp_path):
    chosen = {
        seed: {r.model_id for r in resolve(recipe(tmp_path, seed=seed, models_per_class=5), listed(40))[0]}
        for seed in range(4)
    }
    assert {len(ids) for ids in chosen.values()} == {5 + 2}
    assert len({frozenset(ids) for ids in chosen.values()}) > 1
    before, _ = resolve(recipe(tmp_path, models_per_class=5), listed(40))
    after, _ = resolve(recipe(tmp_path, models_per_class=5), listed(41))
    assert len({r.uid for r in after} - {r.uid for r in before}) <= 1
    assert before == sorted(before, key=lambda r: (r.class_id, r.uid))


def test_thirty_thousand_rows_are_looked_up_once_each(tmp_path):
    rows = [f"{c.synset},m{c.index}-{i},1.5,0,0,1,1\n" for c in imagenet.classes() for i in range(30)]
    (tmp_path / "flat").mkdir()
    made = validate({"sources": [{"kind": "folder", "root": "r"}], "catalogue": {"models_per_class": 20}})
    (tmp_path / "models.csv").write_text(HEAD + "".join(rows))
    made = made.model_copy(
        update={"catalogue": made.catalogue.model_copy(update={"file": str(tmp_path / "models.csv")})}
    )
    source = {"folder": Listed("folder", ())}
    asked = []

    def find(synset, model_id):
        asked.append((synset, model_id))
        return ModelRef(source="folder", model_id=model_id, class_name="?")

    source["folder"].find = find
    found, missing = resolve(made, source)
    assert len(found) == 20_000
    assert missing == []
    assert len(asked) == len(set(asked)) == 30_000


def test_build_sources_by_name(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.glb").write_bytes(Gltf().mesh().glb())
    made = validate(
        {
            "sources": [
                {"kind": "folder", "root": str(tmp_path)},
                {"kind": "folder", "root": str(tmp_path), "name": "other"},
                {"kind": "primitives", "models_per_class": 1},
            ]
        }
    )
    sources = build_sources(made)
    assert {name: source.name for name, source in sources.items()} == {n: n for n in ("folder", "other", "primitives")}
    found, _ = resolve(made, {name: sources[name] for name in ("folder", "other")})
    assert [(ref.source, ref.model_id) for ref in found] == [("folder", "a/x.glb"), ("other", "a/x.glb")]


def test_the_real_catalogue(cad_root):
    made = validate(
        {
            "sources": [{"kind": k, "root": str(cad_root / k)} for k in ("objaverse", "shapenet", "omniobject3d")],
            "catalogue": {"file": str(cad_root / "models.csv")},
        }
    )
    found, missing = resolve(made, build_sources(made))
    assert len(found) == 51
    assert missing == []
    assert all(ref.class_index >= 0 and ref.licence != "unknown" for ref in found)
    other = made.catalogue.model_copy(update={"file": str(cad_root / "models.hf-header.csv")})
    assert resolve(made.model_copy(update={"catalogue": other}), build_sources(made))[0] == found
    guitar = next(ref for ref in found if ref.class_name == "acoustic guitar")
    assert (guitar.title, guitar.licence, guitar.author) == ("Acoustic Guitar", "CC0-1.0", "ruwo")
