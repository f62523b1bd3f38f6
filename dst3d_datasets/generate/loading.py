"""Loading diffusers pipelines and ControlNets. The package itself is handed in, so that one module alone imports it.

Only safetensors are read (no pickles), and no code that comes with weights is ever run.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ..errors import MissingDependency
from ..weights import Place, WeightsError, explain, place_digest
from .controlnet_file import config_beside, fetch
from .families import draws_by_flow, row_for_base, row_of

SCHEDULERS = {
    "ddim": "DDIMScheduler",
    "dpmpp": "DPMSolverMultistepScheduler",  # DPM-Solver++ (2M)
    "unipc": "UniPCMultistepScheduler",
    "euler": "EulerDiscreteScheduler",
    "lcm": "LCMScheduler",
}


def need(*packages: str) -> None:
    """Do nothing, if all of some packages are installed.

    Raises:
        MissingDependency: one is not.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingDependency(
                f"generator: `controlnet` needs the Python package {package!r}, which is not installed; "
                'run: pip install "dst3d-datasets[controlnet]"'
            )


@dataclass(frozen=True, slots=True)
class Pinned:
    """A place whose content is known."""

    place: Place
    field: str  # path of the recipe's field, for messages
    config: dict[str, Any]  # model_index.json of a pipeline, config.json of a network
    commit: str  # on the Hub; empty for folders
    file: Path | None = None  # where a single file lies, downloaded by now

    @property
    def text(self) -> str:
        """What labels carry: `owner/name@commit`, or `sha256:<16 digits>` of a folder (never its path)."""
        if self.place.folder is not None:
            return f"sha256:{place_digest(self.place)}"
        return f"{self.place.name}@{self.commit}"

    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of every `from_pretrained` of it."""
        source: dict[str, Any] = {"use_safetensors": True}
        if self.place.folder is None:
            source["revision"] = self.commit or self.place.revision
        return source

    @property
    def where(self) -> str:
        """What `from_pretrained` takes: the folder or the Hub id."""
        return str(self.place.folder) if self.place.folder is not None else self.place.name


def pin(diffusers: Any, place: Place, field: str) -> Pinned:
    """Read a pipeline's or a network's configuration and, on the Hub, its commit. Loads no weights.

    Raises:
        WeightsError: it cannot be had, or is no diffusers model.
    """
    base = field == "generator.pipeline"
    if place.file:
        path, commit = fetch(place, field)
        return Pinned(place, field, config_beside(path), commit, path)
    reader = diffusers.DiffusionPipeline if base else diffusers.ControlNetModel
    wanted = "model_index.json" if base else "config.json"
    if place.folder is not None and not (place.folder / wanted).is_file():
        raise WeightsError(f"{field}: the folder {place.name} holds no {wanted}, so it is no diffusers model")
    revision = {} if place.folder is not None else {"revision": place.revision}
    try:
        config, commit = reader.load_config(
            str(place.folder) if place.folder is not None else place.name, return_commit_hash=True, **revision
        )
    except Exception as error:  # whatever the Hub client raises becomes one message
        raise explain(error, place, field) from error
    return Pinned(place, field, dict(config), commit or "")


def load_pipeline(
    diffusers: Any, base: Pinned, nets: Sequence[Pinned], *, dtype: torch.dtype, scheduler: str, several: bool = False
) -> Any:
    """Build the pipeline around its ControlNets, on the CPU, in evaluation mode.

    Args:
        diffusers: the package.
        base: the base pipeline; without `nets` it must hold its own ControlNet.
        nets: the ControlNets, in the order of the controls.
        dtype: of all weights.
        scheduler: what replaces the pipeline's own, with the same noise schedule: a name of `SCHEDULERS`, or pipeline.
        several: there is more than one control; a single net then reads them all, where its family has such nets.

    Raises:
        WeightsError: weights that cannot be had or do not fit together.
    """
    options: dict[str, Any] = {_dtype_word(diffusers): dtype, **base.arguments()}
    if "safety_checker" in base.config:
        options |= {"safety_checker": None, "requires_safety_checker": False}
    if "feature_extractor" in base.config:
        options["feature_extractor"] = None
    with _quiet(diffusers):
        nets = [_named(net, base) for net in nets]
        loader = _loader(diffusers, base, nets)
        if nets:
            loaded = [_load_net(diffusers, net, dtype) for net in nets]
            options["controlnet"] = _together(diffusers, base, loaded, several)
        _refuse_without_controlnet(base, nets)
        try:
            pipeline = loader.from_pretrained(base.where, **options)
        except Exception as error:
            raise explain(error, base.place, base.field) from error
    if getattr(pipeline, "watermark", None) is not None:
        pipeline.watermark = None
    if scheduler != "pipeline":
        pipeline.scheduler = _scheduler(diffusers, pipeline.scheduler, scheduler)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _loader(diffusers: Any, base: Pinned, nets: Sequence[Pinned]) -> Any:
    """The class that reads the base: its own, the one of the table, or what AutoPipeline finds."""
    name = str(base.config.get("_class_name", ""))
    row = row_of(name, *[str(net.config.get("_class_name", "")) for net in nets[:1]])
    if row is None:
        return diffusers.AutoPipelineForText2Image if nets and "ControlNet" not in name else diffusers.DiffusionPipeline
    if not hasattr(diffusers, row.pipeline):
        raise WeightsError(
            f"{base.field}: {base.place.name} needs {row.pipeline}, which diffusers {diffusers.__version__} lacks; "
            "run: pip install -U diffusers"
        )
    return getattr(diffusers, row.pipeline)


def _together(diffusers: Any, base: Pinned, nets: list[Any], several: bool) -> Any:
    """One net as it is, or in the family's class for one net that reads several controls; several as a list."""
    if len(nets) > 1:
        return nets
    row = row_of(str(base.config.get("_class_name", "")), type(nets[0]).__name__)
    return getattr(diffusers, row.multi)(nets) if several and row is not None and row.multi else nets[0]


def _refuse_without_controlnet(base: Pinned, nets: Sequence[Pinned]) -> None:
    row = row_of(str(base.config.get("_class_name", "")))
    if not nets and "controlnet" not in base.config and (row is None or row.net):
        raise WeightsError(
            f"generator.pipeline: {base.place.name} is a {base.config.get('_class_name')} without a ControlNet "
            f"of its own, "
            "so nothing would steer it; name one in generator.controlnet"
        )


def _named(net: Pinned, base: Pinned) -> Pinned:
    """A single file without a configuration is taken for the kind of net that its base has."""
    if net.config:
        return net
    row = row_for_base(str(base.config.get("_class_name", "")))
    return replace(net, config={"_class_name": row.net if row else ""})


def _load_net(diffusers: Any, net: Pinned, dtype: torch.dtype) -> Any:
    name = str(net.config.get("_class_name", ""))
    network = getattr(diffusers, name, None)
    if "ControlNet" not in name or network is None:
        raise WeightsError(f"{net.field}: {net.place.name} is a {name or 'model of no known class'}, not a ControlNet")
    try:
        if net.file is not None:  # with the configuration beside it, or the one that diffusers knows such weights by
            known = {"config": str(net.file.parent)} if len(net.config) > 1 else {}
            return network.from_single_file(str(net.file), **{_dtype_word(diffusers): dtype}, **known)
        return network.from_pretrained(net.where, **{_dtype_word(diffusers): dtype}, **net.arguments())
    except Exception as error:
        raise explain(error, net.place, net.field) from error


def _scheduler(diffusers: Any, scheduler: Any, name: str) -> Any:
    if draws_by_flow(scheduler):
        raise WeightsError(
            f"generator.scheduler: {name} cannot stand in for {type(scheduler).__name__}, which belongs to a "
            "flow-matching model; write `scheduler: pipeline`"
        )
    return getattr(diffusers, SCHEDULERS[name]).from_config(scheduler.config)


def _dtype_word(diffusers: Any) -> str:
    """`dtype`, or `torch_dtype` before diffusers renamed it."""
    return "dtype" if hasattr(getattr(diffusers.utils, "deprecation_utils", None), "_resolve_dtype") else "torch_dtype"


@contextmanager
def _quiet(diffusers: Any) -> Iterator[None]:
    """No bars and no log lines of other libraries in the middle of ours: what goes wrong is raised, and told once."""
    from transformers.utils import logging as other  # as late as diffusers: it takes seconds

    speaking = [log for log in (diffusers.utils.logging, other) if log.is_progress_bar_enabled()]
    loudness = [(log, log.get_verbosity()) for log in (diffusers.utils.logging, other)]
    for log in speaking:
        log.disable_progress_bar()
    for log, _ in loudness:
        log.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in loudness:
            log.set_verbosity(level)
        for log in speaking:
            log.enable_progress_bar()


def networks_of(pipeline: Any) -> Iterator[tuple[str, torch.nn.Module]]:
    """The pipeline's networks by name, each of several ControlNets by itself."""
    for name, component in pipeline.components.items():
        if hasattr(component, "nets"):
            yield from ((f"{name} {index}", net) for index, net in enumerate(component.nets))
        elif isinstance(component, torch.nn.Module):
            yield name, component


def to_device(pipeline: Any, device: str) -> Any:
    """Move a pipeline.

    Raises:
        WeightsError: there is no such device, or it has no room.
    """
    try:
        moved = pipeline.to(device)
    except (RuntimeError, AssertionError) as error:
        raise WeightsError(f"generator.device: the pipeline cannot be moved to {device!r}: {error}") from error
    if device == "cpu":  # convolutions are a quarter faster there with channels last
        for _, network in networks_of(moved):
            if all(parameter.ndim < 5 for parameter in network.parameters()):  # no such layout for films
                network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved
