"""Chains of points: spacing, tangents and forces of a nudged elastic band, for all points at once.

A chain is (K, n): K points, the first and the last of which stay. With the steps d_i = p_{i+1} - p_i as rows of a
matrix D, every tangent is a sum of two neighbouring rows, and so the force on all points is the gradient minus a matrix
with two diagonals times D. Nothing here loops over points, and what is long is a product of matrices.
"""

import math

import torch
from torch import Tensor

NOTHING = 1e-12  # square of a tangent, over those of its two parts, that is rounding


def steps_of(points: Tensor) -> Tensor:
    """Steps from each point to the next, (K - 1, n)."""
    return points[1:] - points[:-1]


def redistributed(points: Tensor, steps: Tensor, weights: Tensor) -> Tensor:
    """Points on the same polygon, with distances along it in proportion to weights (K - 1,); the ends stay.

    Worked example: points 0, 1, 4 on a line with equal weights. Lengths are 1 and 3, the middle point goes to place 2
    of 4, which is one third of the way along the second step: (2/3) 1 + (1/3) 4 = 2.
    """
    lengths = lengths_of(steps)
    marks = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    targets = weights.double().cumsum(0)[:-1] / weights.double().sum() * marks[-1]
    left = (torch.searchsorted(marks, targets, right=True) - 1).clamp(0, len(lengths) - 1)
    shares = ((targets - marks[left]) / torch.where(lengths == 0, 1.0, lengths)[left]).clamp(0, 1)
    mixing = torch.zeros(len(points), len(points), dtype=torch.float64, device=points.device)
    inner = torch.arange(1, len(points) - 1, device=points.device)
    mixing[0, 0] = mixing[-1, -1] = 1
    mixing[inner, left] = 1 - shares
    mixing[inner, left + 1] = shares
    return mixing.to(points) @ points  # one pass over memory, though most coefficients are zero


def lengths_of(steps: Tensor) -> Tensor:
    """Lengths of steps, (K - 1,) float64."""
    return torch.linalg.vector_norm(steps, dim=1).double()


def tangent_weights(losses: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Coefficients of the step before and the step behind in the improved tangents of inner points, (K - 2,) each.

    The tangent points to the neighbour with the higher loss; at a maximum or minimum both steps count, weighted by how
    much the losses differ. Not yet of norm one. Losses (K,), lengths of the steps (K - 1,). Henkelman and Jonsson, J.
    Chem. Phys. 113, 9978 (2000), equations 8 to 11.

    Worked example: losses 0, 2, 1. The middle is a maximum; differences are 2 before and 1 behind. The neighbour
    behind is higher, so the step behind gets the larger difference: weights 1 (before) and 2 (behind).
    """
    before, behind = losses[1:-1] - losses[:-2], losses[2:] - losses[1:-1]
    rising, falling = (before > 0) & (behind > 0), (before < 0) & (behind < 0)
    large, small = torch.maximum(before.abs(), behind.abs()), torch.minimum(before.abs(), behind.abs())
    up = losses[2:] > losses[:-2]
    first = torch.where(rising, 0.0, torch.where(falling, 1.0, torch.where(up, small, large)))
    second = torch.where(rising, 1.0, torch.where(falling, 0.0, torch.where(up, large, small)))
    level = (first == 0) & (second == 0)  # all losses are the same
    first, second = torch.where(level, 1.0, first), torch.where(level, 1.0, second)
    sizes = torch.where(lengths == 0, 1.0, lengths)  # the equations are for steps of length one at extrema
    return first / sizes[:-1], second / sizes[1:]


def across(gradients: Tensor, steps: Tensor, losses: Tensor, pull: Tensor | None = None) -> Tensor:
    """Gradients (K - 2, n) of inner points without the parts along the tangents; written into `gradients`.

    steps: (K - 1, n). losses: (K,). pull: (K - 2,) spring forces along the unit tangents, which are added; or None.
    """
    gram, slopes = steps @ steps.T, gradients @ steps.T  # all products, though few are needed: fewer passes over memory
    squares, cosines = gram.diagonal().double(), gram.diagonal(1).double()
    count, lengths = len(steps), squares.sqrt()
    first, second = tangent_weights(losses.double(), lengths)
    parts = first.square() * squares[:-1] + second.square() * squares[1:]
    sizes = parts + 2 * first * second * cosines
    sizes = torch.where(sizes > NOTHING * parts, sizes, math.inf)  # opposite steps, or none: there is no tangent
    uphill = first * slopes.diagonal().double() + second * slopes.diagonal(1).double()
    amounts = uphill / sizes if pull is None else uphill / sizes + pull / sizes.sqrt()
    inner = torch.arange(len(gradients), device=steps.device)
    mixing = torch.zeros(len(gradients), count, dtype=torch.float64, device=steps.device)
    mixing[inner, inner], mixing[inner, inner + 1] = amounts * first, amounts * second
    return gradients.addmm_(mixing.to(gradients), steps, alpha=-1)


def inserted(points: Tensor, weights: Tensor, gaps: dict[int, float]) -> tuple[Tensor, Tensor]:
    """The chain with one more point in some gaps, each at a place in (0, 1), and the weights of its steps."""
    rows: list[Tensor] = []
    sizes: list[Tensor] = []
    for k in range(len(points) - 1):
        rows.append(points[k])
        share = gaps.get(k)
        if share is None:
            sizes.append(weights[k])
            continue
        rows.append(torch.lerp(points[k], points[k + 1], share))
        sizes += [share * weights[k], (1 - share) * weights[k]]
    return torch.stack([*rows, points[-1]]), torch.stack(sizes)
