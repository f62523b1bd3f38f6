"""What filtering is for: a pose network that learns from filtered data, tested on clean renders of unseen models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..machine import one_thread_an_operator
from ..recipe.score_options import KcfOptions
from ..scores.kcf_angles import Head, heads_of, mirrored, outputs, targets_of
from ..scores.kcf_backbones import network_of
from ..scores.kcf_folds import judged_heads, poses_of
from ..scores.kcf_networks import side_by_side
from ..scores.kcf_pixels import load
from ..scores.kcf_train import Data, ask, device_of, fit, plan_of
from ..seeds import seed_of
from .filters_data import MemorySamples
from .filters_planted import pose_error

WIDTH = 8.0  # degrees by which labels spread over bins
BATCH = 64


@dataclass(frozen=True, slots=True)
class Task:
    """One class: what is learnt from, and clean renders of other models to be tested on."""

    learn: MemorySamples  # with failures among them
    test: MemorySamples
    kept: NDArray[np.bool_]  # (N,) which samples are learnt from
    size: int  # side the network looks at, pixels
    steps: int
    seeds: int  # networks that are trained on each choice


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of test pictures, one of each seed's network, whose pose is seen to within 30 and 10 degrees."""

    sixth: tuple[float, ...]  # Acc@pi/6
    eighteenth: tuple[float, ...]  # Acc@pi/18


def accuracy_of(task: Task) -> Accuracy:
    """Train and test; every choice of samples has as many steps, so that none gains by its size."""
    with one_thread_an_operator():
        return _accuracy_of(task)


def _accuracy_of(task: Task) -> Accuracy:
    labels = [*task.learn.labels, *task.test.labels]
    poses, count = poses_of(labels), len(task.learn)
    device = device_of("auto")
    heads = heads_of(judged_heads(poses))
    pictures = torch.cat([load(part, task.size, device, lambda share: None) for part in (task.learn, task.test)])
    data = Data(
        pictures=pictures,
        targets=torch.from_numpy(targets_of(heads, poses, WIDTH)).to(device),
        weights=torch.ones(len(labels), device=device),
        heads=heads,
        reversal=torch.from_numpy(mirrored(heads)).to(device),
        mirror=False,
    )
    answers = _trained(task, data, np.flatnonzero(task.kept), np.arange(count, len(labels)))
    errors = [_errors(task.test, heads, answer) for answer in answers]
    sixth, eighteenth = (tuple(float((e <= limit).mean()) for e in errors) for limit in (30.0, 10.0))
    return Accuracy(sixth, eighteenth)


def _trained(task: Task, data: Data, members: NDArray[np.int64], test: NDArray[np.int64]) -> list[NDArray[np.float64]]:
    """What networks of several seeds say of the test pictures, (n, outputs) each; every choice has the same seeds."""
    names = [("downstream", task.learn.class_id, seed) for seed in range(task.seeds)]
    options = KcfOptions(backbone="small")
    networks = [network_of(options, outputs(data.heads), seed_of(*name, "network")) for name in names]
    plans = [plan_of(members, BATCH, task.steps, *name) for name in names]
    groups = [range(task.seeds)] if data.pictures.is_cuda else [range(n, n + 1) for n in range(task.seeds)]
    found = []
    for group in groups:
        network = networks[group[0]] if len(group) == 1 else side_by_side([networks[n] for n in group])
        network = network.to(data.pictures.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        fit(network, data, [plans[n] for n in group], rate=options.learning_rate, decay=options.weight_decay)
        found += [plain for plain, _ in ask(network, data, [test for _ in group])]
    return found


def _errors(test: MemorySamples, heads: Sequence[Head], answers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Degrees between each test label and the likeliest pose, (n,); an angle that is not judged is the label's own."""
    seen = {head.name: head.centres[answers[:, head.span].argmax(1)] for head in heads}
    errors = []
    for index, label in enumerate(test.labels):
        pose = [float(seen[name][index]) if name in seen else label[name] for name in ("azimuth", "elevation", "theta")]
        errors.append(pose_error(label, *pose))
    return np.array(errors)
