"""Images with true 3D annotations, made from CAD models by rendering and diffusion: build, filter, publish, load.

The public names below are imported when they are first used: `import dst3d_datasets` alone needs neither torch nor
`datasets`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .build import plan_for
    from .builders.dst3d import load, load_builder
    from .builders.registration import register
    from .builders.released import features, load_release
    from .companion_models import write_models
    from .loading import collate, decode_sample
    from .publishable import open_publishable
    from .recipe import Recipe, load_recipe
    from .regeneration import regenerate
    from .release import Release, make_release, open_release
    from .scoring import score
    from .scoring.collect import verdicts_of
    from .shard import make_shard
    from .store import Store

_WHERE = {
    "Recipe": "recipe",
    "Release": "release",
    "Store": "store",
    "collate": "loading",
    "decode_sample": "loading",
    "features": "builders.released",
    "load": "builders.dst3d",
    "load_builder": "builders.dst3d",
    "load_recipe": "recipe",
    "load_release": "builders.released",
    "make_release": "release",
    "make_shard": "shard",
    "open_publishable": "publishable",
    "open_release": "release",
    "plan_for": "build",
    "regenerate": "regeneration",
    "register": "builders.registration",
    "score": "scoring",
    "verdicts_of": "scoring.collect",
    "write_models": "companion_models",
}

__all__ = [
    "Recipe",
    "Release",
    "Store",
    "collate",
    "decode_sample",
    "features",
    "load",
    "load_builder",
    "load_recipe",
    "load_release",
    "make_release",
    "make_shard",
    "open_publishable",
    "open_release",
    "plan_for",
    "regenerate",
    "register",
    "score",
    "verdicts_of",
    "write_models",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("dst3d-datasets")
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__, "__version__"])
