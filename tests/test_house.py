"""The house rules: who may import whom, which room a dependency lives in, sizes, docstrings, types, and cleanliness."""

from __future__ import annotations

import ast
import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from house import PACKAGE, REPO, Module, body_lines, functions, modules

DRAWERS = ("sources", "render", "prompts", "generate", "scores", "engines")

# From the foundation up. A module imports from rows above its own, or from its own row as long as there is no circle.
# Drawers may not import from their own row at all. A new module needs a place here.
ORDER: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("nouns", "registry", "schema", "imagenet", "progress", "home", "data", "licences", "rle"),
    ("seeds", "camera", "boxes", "symmetry", "symmetry_surface"),
    ("convert",),
    ("recipe",),
    ("plan", "views", "label", "images", "pictures", "tar", "stream", "overlay", "splits"),
    ("receipt", "features", "columns", "public_recipe"),
    ("store", "home"),
    ("sources", "render", "prompts", "generate", "scores"),
    ("tools", "run"),
    ("shard",),
    ("engines",),
    ("build",),
    ("release_index", "release_files", "attribution", "grid", "card", "release_terms", "report", "hub", "cost"),
    ("release", "loading"),
    ("export",),
    ("bench", "doctor", "cards"),
    ("training",),
    ("builders",),
    ("cli",),
)

# Which files may import a big dependency.
ROOMS: dict[str, tuple[str, ...]] = {
    "datasets": ("builders/*", "dst3d_datasets/bench/load.py"),  # the bench measures readers against each other
    "webdataset": ("dst3d_datasets/bench/load.py",),
    "timm": (),
    "huggingface_hub": ("dst3d_datasets/hub.py", "builders/*", "dst3d_datasets/generate/controlnet*.py"),
    "fsspec": ("dst3d_datasets/store.py", "dst3d_datasets/sources/address.py", "dst3d_datasets/prompts/rows.py"),
    "pyarrow": ("dst3d_datasets/prompts/rows.py", "dst3d_datasets/sources/*", "dst3d_datasets/release*.py"),
    "diffusers": ("dst3d_datasets/generate/controlnet*.py", "dst3d_datasets/training/networks.py"),
    "transformers": ("dst3d_datasets/generate/*", "dst3d_datasets/prompts/language*.py", "dst3d_datasets/training/*"),
    "trimesh": ("dst3d_datasets/sources/mesh*.py", "dst3d_datasets/bench/sources_work.py"),
    "pyrender": ("dst3d_datasets/render/pyrender*.py",),
    "triton": ("dst3d_datasets/render/triton_*.py",),
    "moderngl": ("dst3d_datasets/render/moderngl*.py",),
    "OpenGL": ("dst3d_datasets/render/pyrender*.py",),
    "ray": ("dst3d_datasets/engines/ray*.py",),
    "tqdm": ("dst3d_datasets/progress.py",),
    "argparse": ("dst3d_datasets/cli/*", "dst3d_datasets/training/*"),
    "yaml": ("dst3d_datasets/recipe/*", "dst3d_datasets/card.py", "dst3d_datasets/release*.py", "builders/*"),
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
        "dst3d_datasets/bench/render_device.py",
        "dst3d_datasets/training/*",
    ),
    "scipy": ("dst3d_datasets/export/pascal3d.py",),
    "pycocotools": (),
    **dict.fromkeys(("tyro", "click", "typer", "rich"), ()),
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
MAX_FILE, MAX_FUNCTION = 300, 50


def _rank(place: str) -> int:
    return next((rank for rank, row in enumerate(ORDER) if place in row), len(ORDER))


def _own_imports() -> list[tuple[str, int, str, str]]:
    """(file, line, place of the importer, place of the imported) inside the package; the package's front door aside."""
    found = []
    for module in modules():
        if not module.place:
            continue
        for line, name in module.imports():
            if name.startswith(f"{PACKAGE}.") and name.split(".")[1] != module.place:
                found.append((module.shown, line, module.place, name.split(".")[1]))
    return found


def test_the_rules_can_see() -> None:
    """What the rules below rely on: imports in function bodies, relative ones, methods, nested functions, lengths."""
    text = (
        "from . import a\nfrom ..b import c\nimport d.e as f\n\n"
        "def one(x):\n    '''A\n    docstring.'''\n    from .g import h\n    return h\n\n"
        "class Two:\n    def three(self):\n        def four(): ...\n    if True:\n        def five(self): ...\n"
    )
    module = Module(REPO / "x.py", f"{PACKAGE}.cli.x", False, text)
    package = Module(REPO / "x.py", f"{PACKAGE}.cli", True, text)
    assert [name.removeprefix(PACKAGE) for _, name in module.imports()] == [".cli.a", ".b.c", "d.e", ".cli.g.h"]
    assert [name for _, name in package.imports()] == [name for _, name in module.imports()]
    found = {name: (public, body_lines(node)) for node, name, public in functions(module.tree())}
    assert found == {
        "one": (True, 3),
        "Two.three": (True, 2),
        "Two.three.four": (False, 1),
        "Two.five": (True, 1),
    }
    assert _untyped(next(functions(module.tree()))[0]) == ["x", "the result"]


def test_every_module_has_a_place_in_the_order() -> None:
    """A file that nobody placed could point its arrows anywhere."""
    placed = {place for row in ORDER for place in row}
    assert not sorted({module.place for module in modules()} - placed - {""})


def test_arrows_point_to_the_foundation() -> None:
    """No module imports from a row below its own, not even inside a function; the registry is the way round."""
    wrong = [f"{file}:{line} {a} -> {b}" for file, line, a, b in _own_imports() if _rank(b) > _rank(a)]
    assert not wrong, "\n".join(wrong)


def test_no_circles_within_a_row() -> None:
    """Top-level modules of one row do not import each other in a circle."""
    below: dict[str, set[str]] = {}
    for _, _, importer, imported in _own_imports():
        below.setdefault(importer, set()).add(imported)

    def reach(place: str, seen: frozenset[str]) -> None:
        assert place not in seen, f"a circle through {place}: {sorted(seen)}"
        for other in below.get(place, ()):
            reach(other, seen | {place})

    for place in below:
        reach(place, frozenset())


def test_drawers_never_import_each_other() -> None:
    """Sources, renderers, prompters, generators, scorers and engines meet in `shard` and nowhere else."""
    wrong = [f"{file}:{line} {a} -> {b}" for file, line, a, b in _own_imports() if a in DRAWERS and b in DRAWERS]
    assert not wrong, "\n".join(wrong)


def test_each_big_dependency_stays_in_its_room() -> None:
    """One room a dependency, so that the core stays light and a change of theirs is met in one place."""
    wrong = []
    for module in modules():
        for line, name in module.imports():
            rooms = ROOMS.get(name.split(".")[0])
            if rooms is not None and not any(fnmatch.fnmatch(module.shown, room) for room in rooms):
                wrong.append(f"{module.shown}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_files_and_functions_are_short() -> None:
    """At most 300 lines a file, tests included, and 50 a function, its docstring aside."""
    files = [module.path for module in modules()] + sorted((REPO / "tests").rglob("*.py"))
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    long = [f"{path.relative_to(REPO)}: {n} lines" for path, n in lengths.items() if n > MAX_FILE]
    for module in modules():
        for node, name, _ in functions(module.tree()):
            if body_lines(node) > MAX_FUNCTION:
                long.append(f"{module.shown}: {name} has {body_lines(node)} lines")
    assert not long, "\n".join(long)


def test_everything_public_is_documented_and_typed() -> None:
    """Modules, public classes, functions and methods have docstrings; their arguments and results have types."""
    wrong = []
    for module in modules():
        tree = module.tree()
        if module.text.strip() and ast.get_docstring(tree) is None:
            wrong.append(f"{module.shown}: no docstring")
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and ast.get_docstring(node) is None:
                wrong.append(f"{module.shown}: class {node.name} has no docstring")
        for function, name, public in functions(tree):
            if public and ast.get_docstring(function) is None:
                wrong.append(f"{module.shown}: {name} has no docstring")
            if public or function.name == "__init__":
                wrong += [f"{module.shown}: {name}: {what} has no type" for what in _untyped(function)]
    assert not wrong, "\n".join(wrong)


def _untyped(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    without = [a.arg for a in named if a is not None and a.annotation is None and a.arg not in ("self", "cls")]
    return without + (["the result"] if function.returns is None else [])


def test_no_prints_and_no_unfinished_work() -> None:
    """The library never prints; nothing is left for later."""
    wrong = []
    for module in modules():
        for node in ast.walk(module.tree()):
            if isinstance(node, ast.Name) and node.id == "print" and module.place != "cli":
                wrong.append(f"{module.shown}:{node.lineno} print")
            if isinstance(node, ast.Name) and node.id == "NotImplementedError":
                wrong.append(f"{module.shown}:{node.lineno} NotImplementedError")
        for number, line in enumerate(module.text.splitlines(), 1):
            if re.search(r"\b(TODO|FIXME|XXX|HACK)\b", line):
                wrong.append(f"{module.shown}:{number} {line.strip()}")
    assert not wrong, "\n".join(wrong)


def test_every_name_in_a_drawer_leads_to_a_class() -> None:
    """A recipe never names an engine, source or generator that is only promised."""
    defined = {
        f"{module.name}:{node.name}"
        for module in modules()
        for node in module.tree().body
        if isinstance(node, ast.ClassDef)
    }
    absent = []
    for drawer in DRAWERS:
        tree = next(module for module in modules() if module.name == f"{PACKAGE}.{drawer}").tree()
        strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        targets = [text for text in strings if isinstance(text, str) and text.startswith(f"{PACKAGE}.") and ":" in text]
        absent += [target for target in targets if target not in defined]
    assert not absent


def test_the_wheel_lists_every_package() -> None:
    """A package that pyproject.toml does not list works from a checkout and is missing after `pip install`."""
    listed = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(module.name for module in modules() if module.is_package)


def test_importing_the_package_is_light() -> None:
    """In a fresh interpreter, none of the heavy packages comes with `import dst3d_datasets`."""
    code = f"import json, sys, dst3d_datasets; print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    assert json.loads(_python(code)) == []


def test_the_core_works_without_the_extras() -> None:
    """Recipes, plans, stores, tars and the command line work where only the core dependencies are installed."""
    code = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {(*HEAVY, "huggingface_hub", "accelerate", "safetensors")!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import importlib
for name in ("recipe", "plan", "views", "store", "tar", "schema", "images", "receipt", "run", "loading"):
    importlib.import_module(f"dst3d_datasets.{{name}}")
from dst3d_datasets.cli import main
sys.exit(main(["plan", "quickstart", "--json"]))
"""
    assert json.loads(_python(code))["num_samples"] > 0


@pytest.mark.parametrize("words", ["check", "format --check"])
def test_ruff_has_nothing_to_say(words: str) -> None:
    """Lint and format are clean."""
    beside = Path(sys.executable).with_name("ruff")
    ruff = str(beside) if beside.exists() else shutil.which("ruff")
    if ruff is None:
        pytest.skip("ruff is not installed")
    files = [str(module.path) for module in modules()] + [str(path) for path in (REPO / "tests").rglob("*.py")]
    command = [ruff, *words.split(), "--quiet", "--output-format=concise", *files]
    ended = subprocess.run(command, cwd=REPO, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-1000:]


def _python(code: str) -> str:
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return ended.stdout
