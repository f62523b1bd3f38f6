"""Whether a run may be released under the terms of its shapes and weights, and what its readers must be told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import ReleaseError
from .licences import forbids_derived, generator_models, is_known, is_non_commercial, model_terms, terms_of
from .recipe import Recipe
from .release_index import ModelUse


def check_terms(recipe: Recipe, models: Iterable[ModelUse], acknowledge: Iterable[str] = ()) -> dict[str, Any]:
    """What the manifest says of the models' terms.

    Args:
        recipe: of the run; its `acknowledge` counts too.
        models: those that have pictures in the release.
        acknowledge: names or kinds of sources, and weights of the generator, whose terms somebody has seen to.

    Raises:
        ReleaseError: a collection, a model or the generator's weights do not allow pictures to be given on; the message
            names the page.
    """
    acknowledged = {*recipe.acknowledge, *acknowledge}
    kinds = {options.name or options.kind: options.kind for options in recipe.sources}
    weights = generator_models(recipe.generator.model_dump())
    unknown = sorted(acknowledged - {*kinds, *kinds.values(), *weights})
    if unknown:
        known = ", ".join([*sorted(kinds), *weights])
        raise ReleaseError(f"acknowledge: the recipe has no source {unknown[0]!r}; it has: {known}")
    _check_weights(name for name in weights if name not in acknowledged)
    used = list(models)
    for name in sorted({model.source for model in used}):
        kind = kinds.get(name, name)
        if acknowledged & {name, kind}:
            continue
        terms = terms_of(kind)
        if terms is not None and terms.derived == "no":
            raise ReleaseError(
                f"the terms of {terms.name} ({terms.access}) do not say that pictures of its models may be given on. "
                f"If you have permission, or will not give the release to others, say so: --acknowledge {name}"
            )
        forbidden = [model for model in used if model.source == name and forbids_derived(model.licence)]
        if forbidden:
            raise ReleaseError(
                f"{len(forbidden):,} models of {name} have licences that forbid giving on what is made of them, such "
                f"as {forbidden[0].model_id} ({forbidden[0].licence}). Leave them out (publishable: true), "
                f"or say that you have seen to it: --acknowledge {name}"
            )
    return {
        "terms": {
            "acknowledged": sorted(acknowledged),
            "models": len(used),
            "non_commercial": sum(1 for model in used if _is_non_commercial(model, kinds)),
            "unknown": sum(1 for model in used if not is_known(model.licence)),
        }
    }


def _check_weights(names: Iterable[str]) -> None:
    for name in names:
        terms = model_terms(name)
        if terms is not None and terms.refused:
            raise ReleaseError(
                f"the pictures were drawn with {terms.title}, whose terms ({terms.licence}, {terms.licence_link}) rule "
                f"out a data set that anybody may use. If you have permission, or will not give the release to others, "
                f"say so: --acknowledge {name}"
            )


def _is_non_commercial(model: ModelUse, kinds: dict[str, str]) -> bool:
    terms = terms_of(kinds.get(model.source, model.source))
    return is_non_commercial(model.licence) or (terms is not None and terms.commercial == "no")
