"""ControlNets that have nothing to say are not run: where a net's scale is 0, its answer is known to be zero.

Stock pipelines run every ControlNet in every step and multiply by its scale, also where that is 0: a control of scale
0, and every step outside `starts` and `ends`. A net's first idle call is run as it is, to learn the shapes of its
answer; after that zeros of these shapes stand for it. Adding a zero changes no value, so pictures stay the same.

One difference is meant: a Union net that reads several controls still speaks in diffusers 0.42.1 when all its scales
are 0 (they weigh its inputs, not its answer), so there a range would never end. Here it is silent then.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.utils import _pytree as pytree


def skip_idle(pipeline: Any) -> None:
    """Let every ControlNet of a loaded pipeline be skipped in the calls in which its scale is 0."""
    for net in _nets(getattr(pipeline, "controlnet", None)):
        takes = inspect.signature(net.forward).parameters
        if "conditioning_scale" in takes and not isinstance(net.forward, _Idle):
            net.forward = _Idle(net.forward)


def _nets(network: Any) -> Iterator[Any]:
    if network is not None:
        yield from getattr(network, "nets", [network])


class _Idle:
    """A network's forward that answers zeros where its scale is 0."""

    def __init__(self, forward: Any) -> None:
        self._forward = forward
        self._signature = inspect.signature(forward)
        self._answers: dict[Any, tuple[list[Any], Any]] = {}  # by the shapes asked for: the answer's leaves and tree

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        bound = self._signature.bind(*arguments, **options).arguments
        if not _is_zero(bound.get("conditioning_scale", 1.0)):
            return self._forward(*arguments, **options)
        key = tuple(_shape(leaf) for leaf in pytree.tree_leaves((arguments, options)))
        if key not in self._answers:
            answer = pytree.tree_map(_zeros, self._forward(*arguments, **options))
            leaves, tree = pytree.tree_flatten(answer)
            self._answers[key] = ([_shape(leaf) for leaf in leaves], tree)
            return answer
        shapes, tree = self._answers[key]
        return pytree.tree_unflatten([_made(shape) for shape in shapes], tree)


def _is_zero(scale: Any) -> bool:
    if isinstance(scale, Sequence):
        return len(scale) > 0 and all(_is_zero(one) for one in scale)
    return isinstance(scale, int | float) and scale == 0


def _shape(leaf: Any) -> Any:
    """What tells a tensor's place from another's; anything else by its type."""
    if isinstance(leaf, torch.Tensor):
        return tuple(leaf.shape), leaf.dtype, leaf.device
    return type(leaf)


def _zeros(leaf: Any) -> Any:
    return torch.zeros_like(leaf) if isinstance(leaf, torch.Tensor) else leaf


def _made(shape: Any) -> Any:
    if isinstance(shape, tuple):
        size, dtype, device = shape
        return torch.zeros(size, dtype=dtype, device=device)
    return None if shape is type(None) else shape()
