"""K weighted ridge regressions, each on all folds but one, in closed form.

With features X (n, D), targets T and weights w, the answer to x is m + x' B with B = (X' W X + r I)^-1 X' W (T - m) and
m the weighted mean of T; where D > n the same from the n x n matrix of products (the "kernel trick").
"""

from __future__ import annotations

import torch
from torch import Tensor


def held_out(rows: Tensor, targets: Tensor, weights: Tensor, fold: Tensor, asked: Tensor, ridge: float) -> Tensor:
    """What regressions that learnt from the other folds say, (M, outputs) float64.

    Args:
        rows: (M, D) features, of roughly unit length; products of float32 rows are summed in float32, all that is
            solved is float64.
        targets: (M, outputs) float64.
        weights: (M,) float64, 0 for rows that are not learnt from.
        fold: (M,), 0 to K - 1.
        asked: (M,), whether the row's answer is wanted; others are 0.
        ridge: by how much large coefficients are held down.
    """
    learnt = weights > 0
    solve = _by_products if int(learnt.sum()) < rows.shape[1] else _by_features
    return solve(rows, targets, weights, fold, asked, ridge)


def _mean(targets: Tensor, weights: Tensor, own: Tensor) -> Tensor:
    return (targets[own] * weights[own, None]).sum(0) / weights[own].sum()


def _by_products(rows: Tensor, targets: Tensor, weights: Tensor, fold: Tensor, asked: Tensor, ridge: float) -> Tensor:
    products, found = (rows @ rows.T).double(), torch.zeros_like(targets)
    for number in range(int(fold.max()) + 1):
        own = torch.nonzero((fold != number) & (weights > 0))[:, 0]
        held = torch.nonzero((fold == number) & asked)[:, 0]
        mean = _mean(targets, weights, own)
        whole = products[own[:, None], own] + torch.diag(ridge / weights[own])
        coefficients = torch.cholesky_solve(targets[own] - mean, torch.linalg.cholesky(whole))
        found[held] = products[held[:, None], own] @ coefficients + mean
    return found


def _by_features(rows: Tensor, targets: Tensor, weights: Tensor, fold: Tensor, asked: Tensor, ridge: float) -> Tensor:
    folds = range(int(fold.max()) + 1)
    inner = [_inner(rows[fold == number], weights[fold == number]) for number in folds]
    whole, found = torch.stack(inner).sum(0), torch.zeros_like(targets)
    diagonal = ridge * torch.eye(rows.shape[1], dtype=whole.dtype, device=rows.device)
    for number in folds:
        own = (fold != number) & (weights > 0)
        held = (fold == number) & asked
        mean = _mean(targets, weights, own)
        right = rows[own].T.double() @ ((targets[own] - mean) * weights[own, None])
        left = whole - inner[number] + diagonal
        found[held] = rows[held].double() @ torch.cholesky_solve(right, torch.linalg.cholesky(left)) + mean
    return found


def _inner(rows: Tensor, weights: Tensor) -> Tensor:
    """X' W X, (D, D)."""
    return (rows.T @ (rows * weights[:, None].to(rows.dtype))).double()
