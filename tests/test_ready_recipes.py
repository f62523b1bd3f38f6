"""The ready recipes of published models: they load, plan and build their generator without a network or weights."""

from __future__ import annotations

import json
import socket

import pytest

from dst3d_datasets.cli import main
from dst3d_datasets.recipe import builtin_recipes, builtin_text, load_recipe

PUBLISHED = {  # recipe -> class of its base, class of its ControlNets
    "sd15": ("StableDiffusionPipeline", "ControlNetModel"),
    "sdxl": ("StableDiffusionXLPipeline", "ControlNetModel"),
    "sdxl_multi": ("StableDiffusionXLPipeline", "ControlNetModel"),
    "sd3": ("StableDiffusion3Pipeline", "SD3ControlNetModel"),
    "sd3_multi": ("StableDiffusion3Pipeline", "SD3ControlNetModel"),
    "zimage": ("ZImagePipeline", "ZImageControlNetModel"),
}


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_arguments, **_options):
        raise AssertionError("a connection was made")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_these_are_the_ready_recipes():
    assert {*builtin_recipes()} == {*PUBLISHED, "quickstart", "render"}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.usefixtures("no_network")
def test_a_ready_recipe_plans_and_names_what_it_needs(name, capsys):
    assert builtin_text(name).startswith(f"# {name}: ")
    assert main(["plan", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["num_samples"] > 0
    recipe = load_recipe(name)
    assert recipe.name == name
    options = recipe.generator
    assert len(options.controlnet) == len(options.controls) == len(options.scales)
    assert options.controls == (("edge", "depth") if name.endswith("_multi") else ("edge",))


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.usefixtures("no_network")
def test_its_generator_can_be_had_and_its_family_is_known(name):
    pytest.importorskip("torch")
    pytest.importorskip("diffusers", reason="needs the extra [controlnet]")
    from dst3d_datasets.generate.controlnet import ControlNetGenerator
    from dst3d_datasets.generate.families import row_of

    recipe = load_recipe(name)
    generator = ControlNetGenerator(recipe.generator)
    assert generator.name == "controlnet"
    row = row_of(*PUBLISHED[name])
    assert row is not None
    assert recipe.render.size % row.multiple == 0
    assert (recipe.generator.scheduler == "pipeline") or row.dtype == "float16"  # DDIM cannot stand in for flows


def test_the_reference_setting_is_the_papers():
    generator = load_recipe("sd15").generator
    assert (generator.steps, generator.eta, generator.guidance_scale, generator.scheduler) == (20, 1.0, 9.0, "ddim")
    assert load_recipe("sd15").render.size == 512
