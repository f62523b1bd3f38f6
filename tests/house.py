"""The house's plan, and reading the package's source without importing anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
PACKAGE = "dst3d_datasets"

DRAWERS = ("sources", "render", "prompts", "generate", "scores", "engines")

# From the foundation up. A module imports from rows above its own, or from its own row as long as there is no circle.
# Drawers may not import from their own row at all. A new module needs a place here.
ORDER: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("versions", "nouns", "registry", "schema", "imagenet", "progress", "home", "data", "licences", "rle", "arrow"),
    ("weights",),
    ("seeds", "camera", "boxes", "symmetry", "symmetry_surface"),
    ("convert",),
    ("recipe",),
    ("plan", "views", "label", "images", "pictures", "tar", "stream", "turns", "overlay", "splits"),
    ("receipt", "features", "columns", "public_recipe", "loading", "machine"),
    ("store", "home"),
    ("sources", "render", "prompts", "generate", "scores"),
    ("tools", "run", "retries", "open_shards"),
    ("stages",),
    ("shard",),
    ("relay",),
    ("engines",),
    ("scoring",),
    ("build",),
    ("regeneration",),
    (
        "reference",
        "release_index",
        "release_files",
        "attribution",
        "grid",
        "camera_picture",
        "card",
        "card_filters",
        "release_terms",
        "report",
        "cost",
    ),
    (
        "subsets",
        "croissant",
        "release_table",
        "companion",
        "release_placement",
        "release_diff",
        "release_version",
        "release_judged",
        "release_write",
    ),
    ("hub",),
    ("release", "companion_set"),
    ("companion_models", "companion_captions"),
    ("publishable",),
    ("export", "rating"),
    ("bench", "doctor", "cards"),
    ("training",),
    ("builders",),
    ("cli",),
)

# Which files may import a big dependency.
ROOMS: dict[str, tuple[str, ...]] = {
    "pyarrow": (
        "dst3d_datasets/arrow.py",
        "dst3d_datasets/sources/*",
        "dst3d_datasets/prompts/rows.py",
        "dst3d_datasets/prompts/caption_files.py",
    ),
    "datasets": ("builders/*", "dst3d_datasets/bench/load.py"),  # the bench measures readers against each other
    "webdataset": ("dst3d_datasets/bench/load.py",),
    "cleanlab": ("dst3d_datasets/bench/filters_cleanlab.py",),
    "timm": ("dst3d_datasets/scores/kcf_backbones.py",),
    "huggingface_hub": ("dst3d_datasets/hub/client.py", "builders/*", "dst3d_datasets/generate/controlnet*.py"),
    "fsspec": (
        "dst3d_datasets/store.py",
        "dst3d_datasets/sources/address.py",
        "dst3d_datasets/prompts/rows.py",
        "dst3d_datasets/prompts/caption_files.py",
    ),
    "diffusers": (
        "dst3d_datasets/generate/controlnet*.py",
        "dst3d_datasets/training/networks.py",
        "dst3d_datasets/bench/generate_weights.py",
    ),
    "transformers": (
        "dst3d_datasets/bench/generate_weights.py",
        "dst3d_datasets/generate/*",
        "dst3d_datasets/scores/networks.py",
        "dst3d_datasets/prompts/language*.py",
        "dst3d_datasets/training/*",
    ),
    "trimesh": ("dst3d_datasets/sources/mesh*.py", "dst3d_datasets/bench/sources_work.py"),
    "pyrender": ("dst3d_datasets/render/pyrender*.py",),
    "triton": ("dst3d_datasets/render/triton_*.py",),
    "moderngl": ("dst3d_datasets/render/moderngl*.py",),
    "OpenGL": ("dst3d_datasets/render/pyrender*.py",),
    "ray": ("dst3d_datasets/engines/ray*.py",),
    "tqdm": ("dst3d_datasets/progress.py",),
    "argparse": ("dst3d_datasets/cli/*", "dst3d_datasets/training/*"),
    "yaml": (
        "dst3d_datasets/recipe/*",
        "dst3d_datasets/card.py",
        "dst3d_datasets/companion.py",
        "dst3d_datasets/release*.py",
        "builders/*",
    ),
    "cv2": (
        "dst3d_datasets/render/*",
        "dst3d_datasets/generate/*",
        "dst3d_datasets/scores/*",
        "dst3d_datasets/pictures.py",
    ),
    "torch": (
        "dst3d_datasets/render/*",
        "dst3d_datasets/generate/*",
        "dst3d_datasets/scores/*",
        "dst3d_datasets/doctor.py",
        "dst3d_datasets/loading*.py",
        "dst3d_datasets/engines/*",
        "dst3d_datasets/prompts/language*.py",
        "dst3d_datasets/bench/tiny*.py",
        "dst3d_datasets/bench/filters_jobs.py",
        "dst3d_datasets/bench/filters_downstream.py",
        "dst3d_datasets/bench/render_device.py",
        "dst3d_datasets/bench/generate*.py",
        "dst3d_datasets/training/*",
    ),
    "scipy": ("dst3d_datasets/export/pascal3d.py",),
    "pycocotools": (),
    "tyro": (),
    "click": (),
    "typer": (),
    "rich": (),
}

HEAVY = (
    "torch",
    "datasets",
    "cv2",
    "trimesh",
    "diffusers",
    "transformers",
    "pyrender",
    "moderngl",
    "webdataset",
    "timm",
    "scipy",
)


@dataclass(frozen=True)
class Module:
    """One source file of the package (builders and cards included, which ship inside it)."""

    path: Path
    name: str  # e.g. "dst3d_datasets.cli.plan"
    is_package: bool
    text: str

    @property
    def shown(self) -> str:
        """The path as a person writes it."""
        return self.path.relative_to(REPO).as_posix()

    @property
    def place(self) -> str:
        """The first name below the package: the drawer or the top-level module; empty for the package itself."""
        return self.name.removeprefix(PACKAGE).lstrip(".").partition(".")[0]

    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    def imports(self) -> Iterator[tuple[int, str]]:
        """(line, absolute name) of everything imported anywhere in the file, function bodies included."""
        parts = self.name.split(".")
        package = parts if self.is_package else parts[:-1]
        for node in ast.walk(self.tree()):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                module = ".".join([*base, *(node.module.split(".") if node.module else [])])
                for alias in node.names:
                    yield node.lineno, f"{module}.{alias.name}"


@cache
def modules() -> tuple[Module, ...]:
    """Every module that ships, sorted by name."""
    found = []
    for root, prefix in ((REPO / PACKAGE, PACKAGE), *((REPO / d, f"{PACKAGE}.{d}") for d in ("builders", "cards"))):
        for path in sorted(root.rglob("*.py")):
            parts = list(path.relative_to(root).with_suffix("").parts)
            is_package = parts[-1] == "__init__"
            name = ".".join([prefix, *(parts[:-1] if is_package else parts)])
            found.append(Module(path, name, is_package, path.read_text(encoding="utf-8")))
    return tuple(sorted(found, key=lambda module: module.name))


def functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str, bool]]:
    """(node, qualified name, whether it is public) of all functions and methods, nested ones as private."""

    def walk(body: list[ast.stmt], prefix: str, public: bool) -> Iterator[tuple[ast.FunctionDef, str, bool]]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node, prefix + node.name, public and not node.name.startswith("_")
                yield from walk(node.body, f"{prefix}{node.name}.", False)
            elif isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{prefix}{node.name}.", public and not node.name.startswith("_"))
            elif isinstance(node, ast.If | ast.Try | ast.With):
                yield from walk(list(ast.iter_child_nodes(node)), prefix, public)  # type: ignore[arg-type]

    yield from walk(tree.body, "", True)


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring, signature included."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines
