"""What `dst3d views` draws and says: each chart against the numbers that it is drawn from."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dst3d_datasets.cli import main
from dst3d_datasets.errors import UsageError
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.plan import Plan
from dst3d_datasets.recipe import validate
from dst3d_datasets.views import draw, sheet
from dst3d_datasets.views.chart import BAR, PAPER, Canvas, hammer, ramp, unhammer
from dst3d_datasets.views.panels import ACROSS, UP, cells, histogram, sphere_map
from dst3d_datasets.views.samplers import samplers
from dst3d_datasets.views.survey import survey


def plan_of(classes: int = 3, models: int = 4, per_model: int = 30, **views: object) -> Plan:
    recipe = validate({"views": {"per_model": per_model, **views}, "shards": {"samples": 25}})
    return Plan(
        recipe,
        [
            ModelRef(source="toy", model_id=f"m{m}", class_name=f"class {c}", synset=f"n0000000{c}")
            for c in range(classes)
            for m in range(models)
        ],
    )


def test_the_map_keeps_areas_and_can_be_read_back() -> None:
    rng = np.random.default_rng(0)
    azimuth, elevation = rng.uniform(-180, 180, 5000), np.degrees(np.arcsin(rng.uniform(-1, 1, 5000)))
    x, y = hammer(azimuth, elevation)
    a, e, inside = unhammer(x, y)
    assert inside.all()
    np.testing.assert_allclose((a - azimuth + 180) % 360 - 180, 0.0, atol=1e-6)
    np.testing.assert_allclose(e, elevation, atol=1e-6)
    # even on the sphere is even on the map, a disc of radius 1 after scaling: squared radii are even in [0, 1]
    assert abs(np.mean(x * x + y * y < 0.5) - 0.5) < 0.03
    assert not unhammer(np.array([0.9]), np.array([0.9]))[2][0]


def test_cells_count_every_view_once_in_proportion_to_an_even_spread() -> None:
    found = cells(np.array([0.0, 0.0, 359.9, 180.0]), np.array([90.0, -90.0, 0.0, 0.0]))
    assert found.shape == (UP, ACROSS)
    assert found.sum() == UP * ACROSS
    assert np.count_nonzero(found) == 4
    assert found[UP - 1].any()
    assert found[0].any()
    assert found[UP // 2, ACROSS // 2 - 1] > 0
    assert found[UP // 2, 0] > 0


@pytest.mark.parametrize("count", [50, 5000])
def test_the_map_is_dark_where_the_cameras_are(count: int) -> None:
    canvas = Canvas(440, 280)
    rng = np.random.default_rng(0)
    sphere_map(canvas, (20, 20, 400, 240), rng.uniform(80, 100, count), rng.uniform(35, 50, count))
    grey = np.asarray(canvas.finished().convert("L")).astype(float)
    dark = grey < 170
    left, right = dark[20:230, 20:220].sum(), dark[20:230, 220:420].sum()
    assert right > 1.2 * left, "the object's left, azimuth 90, is on the right half of the map"
    upper = (255 - grey[40:125, 260:400]).sum()
    lower = (255 - grey[145:225, 260:400]).sum()
    assert upper > 1.2 * lower


def test_bars_are_as_tall_as_their_shares() -> None:
    canvas = Canvas(300, 160)
    histogram(canvas, (0, 0, 300, 160), "x", np.array([0.1] * 30 + [0.6] * 10), (0.0, 1.0), bins=2)
    pixels = np.asarray(canvas.finished())
    tall = [int((np.abs(pixels[:, x].astype(int) - BAR).sum(1) < 30).sum()) for x in (34 + 65, 34 + 195)]
    assert tall[0] == pytest.approx(0.75 / 0.8 * 120, abs=2), "the axis ends at 80 %"
    assert tall[1] == pytest.approx(0.25 / 0.8 * 120, abs=2)


def test_a_number_that_never_changes_is_written_down() -> None:
    canvas = Canvas(300, 160)
    histogram(canvas, (0, 0, 300, 160), "x", np.full(9, 1.5), (1.0, 2.0))
    pixels = np.asarray(canvas.finished()).astype(int)
    assert not (np.abs(pixels - BAR).sum(2) < 30).any()
    assert (pixels[18:34] < 150).any()


def test_colours_go_from_paper_to_dark() -> None:
    light = ramp(np.linspace(0, 1, 50)).astype(int).sum(1)
    assert (np.diff(light) < 0).all()
    assert abs(light[0] - sum(PAPER)) < 30


def test_a_survey_has_the_numbers_of_the_plan() -> None:
    plan = plan_of(quotas=[{"region": "rear", "share": 0.1}], truncation={"share": 0.5})
    found = survey(plan)
    assert len(found) == found.num_views == 360
    assert found.num_models == 12
    job = plan[0].jobs[0]
    expected = draw(plan.recipe, job.ref, job.first, job.count)
    np.testing.assert_array_equal(found.columns["azimuth"][: job.count], expected.azimuth)
    assert [row[:2] for row in found.class_rows()] == [(f"class {c}", 120) for c in range(3)]
    assert [row[4] for row in found.class_rows()] == [
        int((found.columns["visible"] < 1)[found.class_of == c].sum()) for c in range(3)
    ]
    assert found.quotas()[0].drawn == 36 == sum(found.quotas(c)[0].drawn for c in range(3))
    one = survey(plan, ["class 1"])
    assert one.classes == ("class 1",)
    assert len(one) == 120
    assert len(survey(plan, ["n00000002", "class 1"])) == 240
    some = survey(plan, most=100)
    assert 75 <= len(some) <= 150
    assert some.num_views == 360
    with pytest.raises(UsageError, match="class 0, class 1, class 2"):
        survey(plan, ["class 9"])


@pytest.mark.parametrize(
    "views",
    [
        {},
        {"quotas": [{"region": "rear", "share": 0.1}, {"azimuth": [0, 90], "elevation": [-90, -45], "share": 0.2}]},
        {"truncation": {"share": 1.0}, "focal": {"uniform": [0.5, 9.0]}, "roll": {"uniform": [-180, 180]}},
        {"principal": {"x": {"uniform": [-0.5, 0.5]}, "y": {"fixed": 0.5}}, "sampling": "so3"},
    ],
)
def test_sheets_are_drawn_the_same_every_time(views: dict[str, object]) -> None:
    found = survey(plan_of(**views))
    first, second = (sheet.sheet(found) for _ in range(2))
    assert first.tobytes() == second.tobytes()
    assert first.width == 1180
    edge = np.asarray(first)[:, -14:]
    assert (edge == PAPER).all(), "nothing runs over the right margin"
    assert (np.asarray(first)[-8:] == PAPER).all(), "nothing runs over the bottom"


def test_many_classes_are_cut_off_and_said() -> None:
    small, large = (sheet.sheet(survey(plan_of(classes=count, models=1))) for count in (3, 9))
    assert large.height > small.height


def test_every_sampler_is_in_the_gallery() -> None:
    found = samplers(validate({}), ModelRef(source="toy", model_id="m", class_name="c"), 300)
    titles = " ".join(each.title for each in found)
    for word in ("1", "2", "3", "4", "5", "sphere", "so3", "prior", "distributions", "quotas", "roll"):
        assert word in titles
    assert all(len(each) == 300 for each in found)
    assert sheet.gallery(found).width > 1200


def test_the_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "views.png"
    quotas = "views.quotas=[{region: below, share: 0.2}]"
    assert main(["views", "render", "-o", str(out), "--set", quotas, "--set", "views.per_model=10", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["num_views"] == data["num_looked_at"] == 460
    assert data["quotas"][0] | {"inside": 0} == {"name": "below", "asked": 0.2, "drawn": 92, "inside": 0}
    assert Image.open(io.BytesIO(out.read_bytes())).format == "PNG"
    assert main(["views", "render", "-o", str(tmp_path / "t.jpg"), "--class", "teapot"]) == 0
    said = capsys.readouterr().out
    assert "teapot" in said
    assert "airliner" not in said
    assert Image.open(tmp_path / "t.jpg").format == "JPEG"
    assert main(["views", "render", "-o", str(tmp_path / "t.gif")]) == 2
    assert main(["views", "render", "--class", "unicorn", "-o", str(out)]) == 2
    assert main(["plan", "render", "--set", quotas, "--set", "views.truncation={share: 0.3}"]) == 0
    said = capsys.readouterr().out
    assert "below" in said
    assert "truncated" in said
