"""K-fold consistency's parts: angles, features, regressions, networks, weights, and the published procedure."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from _kcf import Kept, toy

from dst3d_datasets.bench.kcf_data import auroc, plant
from dst3d_datasets.errors import Dst3dError
from dst3d_datasets.recipe.score_options import KcfOptions, KcfReferenceOptions
from dst3d_datasets.scores.kcf_angles import agreement, heads_of, mirrored, outputs, targets_of
from dst3d_datasets.scores.kcf_backbones import network_of
from dst3d_datasets.scores.kcf_features import features_of, hog, mirrored_hog
from dst3d_datasets.scores.kcf_folds import Poses
from dst3d_datasets.scores.kcf_networks import Lite0, ResNet50, Small, side_by_side
from dst3d_datasets.scores.kcf_reference import KcfReference, bins_of, losses_of
from dst3d_datasets.scores.kcf_ridge import held_out
from dst3d_datasets.scores.kcf_train import Data, ask, in_pieces, plan_of, rate_at

HEADS = heads_of((True, True, True))


def _poses(*rows: tuple[float, float, float], symmetry: int = 1) -> Poses:
    names = tuple(f"k{i}" for i in range(len(rows)))
    return Poses(names, np.array(names), np.array(rows, np.float64), np.full(len(rows), symmetry, np.int64))


def test_targets_wrap_at_360_and_sum_to_one() -> None:
    """One degree across the seam is as near as one degree anywhere."""
    targets = targets_of(HEADS, _poses((359.9, 0, 179.9), (0.1, 0, -179.9), (180, 0, 0)), 10.0)
    for head in HEADS:
        assert np.allclose(targets[:, head.span].sum(1), 1.0, atol=1e-5)
    azimuth = targets[:, HEADS[0].span]
    assert np.abs(azimuth[0] - azimuth[1]).max() < 0.01
    assert azimuth[0].argmax() in (0, 71)
    assert azimuth[2].argmax() in (35, 36)
    assert np.abs(targets[0, HEADS[2].span] - targets[1, HEADS[2].span]).max() < 0.01


def test_targets_know_symmetry() -> None:
    """Order 4: four equal peaks. Order 0: the azimuth has none."""
    fourfold = targets_of(HEADS, _poses((12.5, 0, 0), symmetry=4), 5.0)[0, HEADS[0].span]
    assert sorted(np.argsort(fourfold)[-4:].tolist()) == [2, 20, 38, 56]
    round_one = targets_of(HEADS, _poses((12.5, 0, 0), symmetry=0), 5.0)[0]
    assert round_one[HEADS[0].span].sum() == 0.0
    assert round_one[HEADS[1].span].sum() == pytest.approx(1.0)


def test_a_mirror_image_has_the_other_azimuth_and_theta() -> None:
    """The target of (a, e, t), turned about, is that of (-a, e, -t)."""
    here, there = targets_of(HEADS, _poses((70, 20, 30), (290, 20, -30)), 10.0)
    assert np.allclose(here[mirrored(HEADS)], there, atol=1e-6)


def test_agreement_is_relative() -> None:
    """1 for what a network would have said or knows nothing of, little for what it denies."""
    poses = _poses((70, 20, 0))
    sure = targets_of(HEADS, poses, 5.0).astype(np.float64)
    told = {name: agreement(HEADS, sure, _poses(row), 20.0)[0] for name, row in {
        "same": (70, 20, 0), "near": (75, 20, 0), "flip": (250, 20, 0), "above": (70, 80, 0), "rolled": (70, 20, 90),
    }.items()}  # fmt: skip
    assert told["same"] > 0.98
    assert told["near"] > 0.9
    assert max(told["flip"], told["above"], told["rolled"]) < 0.05
    assert agreement(HEADS, sure, _poses((250, 20, 0), symmetry=2), 20.0)[0] > 0.98
    assert agreement(HEADS, sure, _poses((123, 20, 0), symmetry=0), 20.0)[0] > 0.98
    flat = np.concatenate([np.full((1, head.count), 1.0 / head.count) for head in HEADS], 1)
    assert agreement(HEADS, flat, poses, 20.0)[0] > 0.95


def test_gradient_histograms_see_edges_and_not_light() -> None:
    """Brightness and colour casts hardly matter, position does; blank pictures are all zero and finite."""
    image = torch.from_numpy(toy(1, 1, 64).images).permute(0, 3, 1, 2)
    plain, dark, moved = hog(image), hog((image * 0.7).to(torch.uint8)), hog(image.roll(12, 3))
    assert plain.shape == (1, 16 * 16 * 12)
    assert (plain - dark).norm() < 0.25 * (plain - moved).norm()
    assert not hog(torch.full((2, 3, 64, 64), 9, dtype=torch.uint8)).any()
    rows = features_of(image.repeat(3, 1, 1, 1), ("hog",))
    assert rows.shape == (6, 3072)
    assert torch.allclose(rows[0], rows[1])


def test_a_vertical_edge_lies_in_its_cell_and_angle() -> None:
    """A step up along x has direction 0, a step down the opposite one."""
    step = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    step[..., 32:] = 200
    cells = hog(step).view(12, 16, 16)
    assert cells.sum((1, 2)).argmax() == 0
    assert set(cells[0].sum(0).topk(2).indices.tolist()) == {7, 8}
    assert hog(200 - step).view(12, 16, 16).sum((1, 2)).argmax() == 6


def test_gradients_of_mirror_images_need_not_be_taken_again() -> None:
    """They are those of the pictures, cells and directions reversed."""
    image = torch.from_numpy(toy(2, 2, 64).images).permute(0, 3, 1, 2)
    assert torch.allclose(mirrored_hog(hog(image)), hog(image.flip(3)), atol=1e-5)
    rows = features_of(image, ("hog",))
    assert torch.allclose(rows[4:], mirrored_hog(rows[:4]), atol=1e-5)


@pytest.mark.parametrize("width", [7, 60])
def test_regressions_are_those_of_the_formula(width: int) -> None:
    """Both ways through (more rows than features, and fewer) against the definition, with weights and rows left out."""
    g = torch.Generator().manual_seed(0)
    rows = torch.randn(40, width, generator=g, dtype=torch.float64)
    targets = torch.rand(40, 3, generator=g, dtype=torch.float64)
    weights = torch.rand(40, generator=g, dtype=torch.float64) * (torch.arange(40) % 7 > 0)
    fold = torch.arange(40) % 4
    asked = torch.arange(40) < 30
    found = held_out(rows, targets, weights, fold, asked, 0.3)
    for i in range(40):
        own = fold != fold[i]
        mean = (targets[own] * weights[own, None]).sum(0) / weights[own].sum()
        left = rows[own].T @ (rows[own] * weights[own, None]) + 0.3 * torch.eye(width, dtype=torch.float64)
        wanted = rows[i] @ torch.linalg.solve(left, rows[own].T @ ((targets[own] - mean) * weights[own, None])) + mean
        assert torch.allclose(found[i], wanted if asked[i] else torch.zeros_like(wanted))


@pytest.mark.parametrize("kind", [Small, ResNet50, Lite0])
def test_k_networks_side_by_side_are_k_networks(kind: type) -> None:
    """In evaluation and in training, running statistics included."""
    options = KcfOptions(backbone={Small: "small", ResNet50: "resnet50", Lite0: "lite0"}[kind], trained=False)
    alone = [network_of(options, 5, seed) for seed in range(2)]
    joined = side_by_side(alone)
    seen = torch.randn(4, 6, 32, 32, generator=torch.Generator().manual_seed(1))
    for mode in (True, False):
        with torch.no_grad():
            wanted = torch.cat([net.train(mode)(part) for net, part in zip(alone, seen.chunk(2, 1), strict=True)], 1)
            assert torch.allclose(joined.train(mode)(seen), wanted, atol=1e-4)
    assert sum(p.numel() for p in joined.parameters()) == 2 * sum(p.numel() for p in alone[0].parameters())


def test_layers_that_cannot_stand_side_by_side_are_refused() -> None:
    """A linear layer mixes all channels."""
    with pytest.raises(TypeError, match="Linear"):
        side_by_side([torch.nn.Sequential(torch.nn.Linear(3, 3)) for _ in range(2)])


def test_an_answer_does_not_depend_on_the_other_samples() -> None:
    """Evaluation mode: alone, in company, and again."""
    pictures = torch.from_numpy(toy(2, 6, 32).images).permute(0, 3, 1, 2).contiguous()
    network = network_of(KcfOptions(backbone="small"), outputs(HEADS), 0).train()
    data = Data(
        pictures, torch.zeros(12, outputs(HEADS)), torch.ones(12), HEADS, torch.from_numpy(mirrored(HEADS)), False
    )
    (together,), (alone,) = ask(network, data, [np.arange(12)]), ask(network, data, [np.array([5])])
    assert np.allclose(together[0][5], alone[0][0], atol=1e-6)
    assert together[0].std(0).max() > 1e-6
    wanted = torch.zeros(12, 3, dtype=torch.long)
    head = network_of(KcfOptions(backbone="small"), 3 * 41, 0).train()
    company, single = losses_of(head, pictures, wanted, np.arange(12)), losses_of(head, pictures, wanted, np.array([5]))
    assert company[5] == pytest.approx(single[0], abs=1e-5)


def test_plans_come_from_names_and_see_everything() -> None:
    """Each epoch holds each member once; other folds and other classes have other orders."""
    members = np.arange(10, 30)
    plan = plan_of(members, 5, 8, "kcf", "car", 0)
    assert plan.index.shape == (8, 5)
    assert sorted(plan.index[:4].flatten().tolist()) == members.tolist() == sorted(plan.index[4:].flatten().tolist())
    assert (plan.index == plan_of(members, 5, 8, "kcf", "car", 0).index).all()
    assert (plan.index != plan_of(members, 5, 8, "kcf", "car", 1).index).any()
    assert (plan.draws != plan_of(members, 5, 8, "kcf", "mug", 0).draws).any()
    rates = [rate_at(step, 100) for step in range(100)]
    assert max(rates) == pytest.approx(1.0, abs=0.05)
    assert rates[0] < 0.1
    assert rates[-1] < 0.01


def test_too_little_memory_halves_the_batch() -> None:
    """Work is begun anew with more pieces, and gives up at single pictures."""
    tried: list[int] = []

    def work(pieces: int) -> str:
        tried.append(pieces)
        if pieces < 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return "done"

    assert in_pieces(work, 16) == "done"
    assert tried == [1, 2, 4]
    with pytest.raises(Dst3dError, match="too little memory"):
        in_pieces(work, 2)


def test_the_published_bins() -> None:
    """Azimuth by floor from 0, elevation and theta by ceiling from -180, 41 bins a turn."""
    found = bins_of(_poses((0, 0, 0), (359.9, 90, 179.9), (180, -90, -179.9), (-1, 10, 0)), 41)
    assert found.tolist() == [[0, 20, 20], [40, 30, 40], [20, 10, 0], [40, 21, 20]]


def test_the_published_procedure_finds_failures_and_goes_on() -> None:
    """A short schedule of a small network on easy pictures; a killed run loses one fold at most."""
    torch.set_num_threads(1)
    pictures = plant(toy(6, 20, 32, sides=(0.0, 90.0, 180.0, 270.0)), 0.2)
    options = KcfReferenceOptions(
        backbone="small", size=32, epochs=12, step=8, folds=2, batch_size=16, learning_rate=0.02, device="cpu"
    )
    kept = Kept()
    kept.budget = 1
    with pytest.raises(KeyboardInterrupt):
        KcfReference(options).judge(pictures, kept)
    assert list(kept) == ["fold0of2"]
    kept.budget = 9
    found = KcfReference(options).judge(pictures, kept)
    score, loss = found.scores["kcf_reference"], found.details["kcf_reference_loss"]
    assert np.allclose(score, np.exp(-loss / 3.0))
    assert auroc(score, pictures.planted != "") > 0.9
    assert "one CAD model" not in KcfReference(options).judge(toy(1, 50, 32), Kept()).reasons[0]
