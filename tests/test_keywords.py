"""Tags, names and categories of a model, from each source's metadata to the prompt."""

from __future__ import annotations

import pytest
from _models import put

from dst3d_datasets.prompts.template import Template
from dst3d_datasets.recipe import validate
from dst3d_datasets.recipe.options import TemplatePromptOptions
from dst3d_datasets.sources.catalogue import build_sources, resolve

TEMPLATE = Template(TemplatePromptOptions(text="a {class_name}, {keywords}, {title}"))


def prompts(plain: dict) -> dict[str, str]:
    recipe = validate(plain)
    refs, _ = resolve(recipe, build_sources(recipe))
    return {ref.model_id: TEMPLATE.prompt(ref, 0).text for ref in refs}


@pytest.mark.parametrize(
    ("root", "kind", "model", "words"),
    [
        (
            "objaverse/hf-objaverse-v1",
            "objaverse",
            "93face00",
            "a airplane, cars-vehicles, Airbus A380 Malaysia Airlines",
        ),
        ("shapenet/ShapeNetCore.v2", "shapenet", "e969cd49", "a airplane, aeroplane, plane"),
        ("omniobject3d", "omniobject3d", "omniobject3d_banana_001", "a banana, banana 001"),
    ],
)
def test_the_collections(cad_root, root, kind, model, words):
    found = prompts({"sources": [{"kind": kind, "root": str(cad_root / root)}]})
    assert next(text for name, text in found.items() if name.startswith(model)) == words


def test_through_the_references_catalogue(cad_root):
    found = prompts(
        {
            "sources": [{"kind": "objaverse", "root": str(cad_root / "objaverse")}],
            "catalogue": {"file": str(cad_root / "models.csv")},
        }
    )
    text = next(text for name, text in found.items() if name.startswith("93face00"))
    assert text == "a airliner, airplane, cars-vehicles, Airbus A380 Malaysia Airlines"


def test_folders_and_tags_of_a_table(tmp_path):
    put(tmp_path / "m", "mug/tall/old_red/a_b.obj", "mug/c.obj")
    plain = {"sources": [{"kind": "folder", "root": str(tmp_path / "m")}]}
    assert prompts(plain) == {"mug/tall/old_red/a_b.obj": "a mug, tall, old red, a b", "mug/c.obj": "a mug, c"}
    (tmp_path / "c.csv").write_text("synset,model,tags,title\nn03063599,mug/c.obj,enamel; Dotted,My cup\n")
    assert prompts({**plain, "catalogue": {"file": str(tmp_path / "c.csv")}}) == {
        "mug/c.obj": "a coffee mug, enamel, dotted, My cup"
    }


def test_procedural_models_have_keywords():
    found = prompts({"sources": [{"kind": "primitives", "models_per_class": 1}]})
    assert all(text.count(",") >= 2 for text in found.values())
