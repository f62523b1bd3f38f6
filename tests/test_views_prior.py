"""Views from tables of real ones: whole rows, per class, spread as promised; and what is wrong with a table is said."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from dst3d_datasets.errors import RecipeError
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.plan import Plan
from dst3d_datasets.recipe import load_recipe, to_yaml, validate
from dst3d_datasets.tools import Tools
from dst3d_datasets.views import draw, inputs
from dst3d_datasets.views.prior import near

TABLE = """azimuth,elevation,theta,synset,class,count,picture
30,10,5,n02690373,aeroplane,3,a.jpg
210,-40,-20,n02690373,aeroplane,1,b.jpg
90,60,0,,chair,5,"c, d.jpg"
"""


def ref_of(class_name: str = "airliner", synset: str = "n02690373", model: str = "m") -> ModelRef:
    return ModelRef(source="toy", model_id=model, class_name=class_name, synset=synset)


def recipe_with(path: Path, views: dict[str, Any] | None = None, **prior: Any):
    prior = {"file": str(path), **prior}
    return validate({"views": {"per_model": 1, "sampling": "prior", "prior": prior, **(views or {})}})


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def vectors(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.stack([np.cos(e) * np.sin(a), -np.cos(e) * np.cos(a), np.sin(e)], -1)


def test_rows_stay_whole_and_come_by_weight(table: Path) -> None:
    found = draw(recipe_with(table, kernel=2.0), ref_of(), 0, 8000)
    first = np.abs(found.elevation - 10) < 15
    assert abs(first.mean() - 0.75) < 4 * math.sqrt(0.75 * 0.25 / 8000)
    np.testing.assert_allclose(found.azimuth[first], 30, atol=15)
    np.testing.assert_allclose(found.azimuth[~first], 210, atol=15)
    np.testing.assert_allclose(found.theta[first], 5, atol=10)
    np.testing.assert_allclose(found.theta[~first], -20, atol=10)
    assert len(set(found.azimuth.tolist())) == 8000, "no view is repeated"


@pytest.mark.parametrize("elevation", [0.0, 60.0, 90.0])
def test_the_kernel_is_as_wide_everywhere(tmp_path: Path, elevation: float) -> None:
    """The cosine to the row is that of von Mises-Fisher, and the direction from it is even."""
    path = tmp_path / "one.csv"
    path.write_text(f"azimuth,elevation,theta\n200,{elevation},10\n")
    found = draw(recipe_with(path, kernel=8.0), ref_of(), 0, 5000)
    mean = vectors(np.array(200.0), np.array(elevation))
    seen = vectors(found.azimuth, found.elevation)
    c = 1 / math.radians(8) ** 2
    cosine = seen @ mean
    assert stats.kstest(cosine, lambda w: (np.exp(c * (w - 1)) - np.exp(-2 * c)) / (1 - np.exp(-2 * c))).pvalue > 1e-3
    east = np.array([math.cos(math.radians(200)), math.sin(math.radians(200)), 0.0])
    turn = np.arctan2(seen @ np.cross(mean, east), seen @ east)
    assert stats.kstest(turn, stats.uniform(-math.pi, 2 * math.pi).cdf).pvalue > 1e-3
    assert stats.kstest(found.theta, stats.norm(10, 8).cdf).pvalue > 1e-3


def test_a_kernel_may_cover_the_whole_sphere() -> None:
    u = np.linspace(0.0005, 0.9995, 1000)
    sines = [math.sin(math.radians(near(0.0, 90.0, value, 0.3, 1e-6)[1])) for value in u]
    np.testing.assert_allclose(np.sort(sines), np.linspace(-0.999, 0.999, 1000), atol=1e-3)


def test_bins_are_filled_evenly_in_area(tmp_path: Path) -> None:
    path = tmp_path / "bins.csv"
    path.write_text("azimuth,elevation,theta,weight\n350,80,0,0.25\n")
    found = draw(recipe_with(path, bins=[40.0, 40.0, 10.0]), ref_of(), 0, 5000)
    assert stats.kstest((found.azimuth + 30) % 360, stats.uniform(0, 40).cdf).pvalue > 1e-3
    sines = np.sin(np.radians(found.elevation))
    low = math.sin(math.radians(60))
    assert stats.kstest(sines, stats.uniform(low, 1 - low).cdf).pvalue > 1e-3
    assert stats.kstest(found.theta, stats.uniform(-5, 10).cdf).pvalue > 1e-3


def test_theta_is_0_where_the_table_has_none(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("elevation,azimuth\n10,20\n")
    assert (draw(recipe_with(path), ref_of(), 0, 50).theta == 0).all()


@pytest.mark.parametrize(
    ("ref", "options", "expected"),
    [
        (ref_of(), {}, {10, -40}),
        (ref_of("Chair", ""), {}, {60}),
        (ref_of("rocking chair", "n04099969"), {}, {10, -40, 60}),
        (ref_of("rocking chair", "n04099969"), {"classes": {"n04099969": "chair"}}, {60}),
        (ref_of("rocking chair", "n04099969"), {"classes": {"rocking_chair": "Chair"}}, {60}),
    ],
)
def test_which_rows_a_class_gets(table: Path, ref: ModelRef, options: dict[str, Any], expected: set[int]) -> None:
    found = draw(recipe_with(table, kernel=0.5, **options), ref, 0, 200)
    rows = np.array([10, -40, 60])
    assert {int(rows[np.argmin(np.abs(rows - e))]) for e in found.elevation} == expected


def test_the_fallback_may_be_the_sphere_and_a_share_may_come_from_it(table: Path) -> None:
    sphere = draw(validate({"views": {"per_model": 1, "sampling": "sphere"}}), ref_of("mug", "n1"), 0, 4000)
    found = draw(recipe_with(table, fallback="sphere"), ref_of("mug", "n1"), 0, 4000)
    np.testing.assert_array_equal(found.azimuth, sphere.azimuth)
    blend = draw(recipe_with(table, kernel=0.5, sphere=0.3), ref_of(), 0, 4000)
    plain = draw(recipe_with(table, kernel=0.5), ref_of(), 0, 4000)
    other = blend.azimuth != plain.azimuth
    assert abs(other.mean() - 0.3) < 4 * math.sqrt(0.21 / 4000)
    sines = np.sin(np.radians(blend.elevation[other]))
    assert stats.kstest(sines, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_views_depend_on_names_alone(table: Path) -> None:
    recipe = recipe_with(table, sphere=0.2)
    whole = draw(recipe, ref_of(), 0, 60).views()
    assert draw(recipe, ref_of(), 17, 9).views() == whole[17:26]
    assert draw(recipe, ref_of(model="other"), 0, 60).views() != whole


def test_distances_of_the_table(tmp_path: Path) -> None:
    path = tmp_path / "far.csv"
    path.write_text("azimuth,elevation,distance\n0,0,4\n90,0,8\n")
    recipe = recipe_with(path, {"distance": "prior"}, distance_scale=0.5, distance_spread=0.1)
    found = draw(recipe, ref_of(), 0, 500)
    near_row = np.abs((found.azimuth + 180) % 360 - 180) < 45
    assert ((found.distance[near_row] >= 1.8) & (found.distance[near_row] <= 2.2)).all()
    assert ((found.distance[~near_row] >= 3.6) & (found.distance[~near_row] <= 4.4)).all()
    with pytest.raises(RecipeError, match="inside its box"):
        inputs(recipe_with(path, {"distance": "prior"}, distance_scale=0.1))


def test_a_table_without_distances_has_none_to_give(table: Path) -> None:
    with pytest.raises(RecipeError, match="no column 'distance'"):
        inputs(recipe_with(table, {"distance": "prior"}))


def test_radians(tmp_path: Path) -> None:
    path = tmp_path / "radians.csv"
    path.write_text("azimuth,elevation\n" + "3.14,0.5\n" * 30)
    with pytest.raises(RecipeError, match="unit: radians"):
        inputs(recipe_with(path))
    found = draw(recipe_with(path, unit="radians", kernel=0.1), ref_of(), 0, 20)
    np.testing.assert_allclose(found.azimuth, math.degrees(3.14), atol=1)
    np.testing.assert_allclose(found.elevation, math.degrees(0.5), atol=1)
    inputs(recipe_with(path, unit="degrees"))


def test_content_is_part_of_what_a_shard_is_and_the_place_is_not(tmp_path: Path) -> None:
    digests = []
    for folder, text in (("a", TABLE), ("b", TABLE), ("c", TABLE.replace("60", "61"))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "t.csv").write_text(text)
        recipe = tmp_path / folder / "recipe.yaml"
        recipe.write_text("views: {per_model: 3, sampling: prior, prior: {file: t.csv}}\n")
        loaded = load_recipe(recipe)
        assert loaded.views.prior is not None
        assert loaded.views.prior.file == str(tmp_path / folder / "t.csv")
        assert validate({}).views.prior is None
        digests.append(Plan(loaded, [ref_of()], inputs=Tools(loaded).inputs()).digest)
        again = tmp_path / folder / "again.yaml"
        again.write_text(to_yaml(loaded))
        assert load_recipe(again) == loaded
    assert digests[0] == digests[1] != digests[2]
    assert Tools(validate({"views": {"per_model": 1}})).inputs() == ""


def test_a_table_that_changes_is_read_again(table: Path) -> None:
    recipe = recipe_with(table, kernel=0.5)
    assert (draw(recipe, ref_of("chair", ""), 0, 5).elevation > 50).all()
    table.write_text(TABLE.replace("90,60,0", "90,-60,0"))
    assert (draw(recipe, ref_of("chair", ""), 0, 5).elevation < -50).all()


GOOD = "azimuth,elevation,theta,class,weight\n1,2,3,car,1\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no column 'azimuth'"),
        ("azimuth,theta\n1,2\n", "has no column 'elevation'; it has: azimuth, theta"),
        ("azimuth,elevation,weigth\n1,2,3\n", "did you mean 'weight'"),
        ("azimuth,elevation,count,weight\n1,2,3,4\n", "two columns say weight"),
        ("azimuth,elevation\n", "no rows"),
        ("azimuth,elevation,count\n1,2,0\n", "no rows with a weight above 0"),
        (GOOD + "1,2\n", "line 3: 2 columns; expected at least 5"),
        (GOOD + "x,2,3,car,1\n", "line 3: azimuth 'x' is not a number"),
        (GOOD + "nan,2,3,car,1\n", "line 3: azimuth 'nan'"),
        (GOOD + "1,inf,3,car,1\n", "line 3: elevation 'inf'"),
        (GOOD + "1,91,3,car,1\n", "line 3: elevation 91 degrees lies beyond a pole"),
        (GOOD + "1e9,2,3,car,1\n", "line 3: azimuth or theta is more than two turns"),
        (GOOD + "\n1,2,3,,1\n", "line 4: names no class"),
        (GOOD + "1,2,3,car,-1\n", "line 3: weight -1"),
        (GOOD + "1,2,3,car,1e300\n", "line 3: weight"),
        (GOOD + '1,2,3,"car\n', "cannot be read as CSV"),
        ("azimuth,elevation,distance\n1,2,0\n", "line 2: distance 0"),
        (GOOD + "1,2,3," + "c" * (1 << 20) + ",1\n", "line 3: longer than"),
    ],
)
def test_wrong_tables_are_refused_with_the_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(RecipeError) as error:
        inputs(recipe_with(path))
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(GOOD.encode() + b"1,2,3,\xff\xfe,1\n")
    with pytest.raises(RecipeError, match="line 3: not UTF-8"):
        inputs(recipe_with(path))
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode().replace(b"\n", b"\r\n"))
    assert inputs(recipe_with(path)).startswith("prior ")
    with pytest.raises(RecipeError, match=r"views.prior.file: .*No such file"):
        inputs(recipe_with(tmp_path / "absent.csv"))
    with pytest.raises(RecipeError, match="cannot be read"):
        inputs(recipe_with(tmp_path))
