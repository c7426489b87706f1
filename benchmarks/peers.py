"""What a user would write instead: PyTorch and NumPy, as a good engineer would, on all cores.

Machines are committee machines of odd N with output weights +1: weights (H, N), inputs X (P, N), labels y (P,),
float32, or bfloat16, whose products of signs are exact too (sums are kept in float32, and rounding keeps their sign).
"""

import math

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment

BATCH = 4  # machines evaluated together: the fastest of 1, 4, 10, 25 at N = 1001, H = 101, P = 1503


@torch.no_grad()
def count_errors(weights, X, y):
    """Errors of a batch of machines, weights (B, H, N)."""
    B, H, N = weights.shape
    fields = X @ weights.reshape(B * H, N).T
    votes = (fields >= 0).view(len(X), B, H).sum(2)
    return ((2 * votes >= H) != (y > 0)[:, None]).sum(0)


@torch.no_grad()
def _count_each(machines, X, y):
    """Errors of machines (H, N) that come one after the other, evaluated BATCH at a time."""
    counts, waiting = [], []
    for machine in machines:
        waiting.append(machine)
        if len(waiting) == BATCH:
            counts.append(count_errors(torch.stack(waiting), X, y))
            waiting = []
    if waiting:
        counts.append(count_errors(torch.stack(waiting), X, y))
    return torch.cat(counts)


@torch.no_grad()
def path_errors(start, flipped, points, X, y):
    """Errors at `points` evenly spaced points of a path that flips weights `flipped` (flat indices), ends included."""
    cuts = torch.linspace(0, len(flipped), points).long().tolist()
    current = start.clone()

    def machines():
        for before, after in zip([0, *cuts[:-1]], cuts, strict=True):
            current.view(-1)[flipped[before:after]] *= -1
            yield current.clone()

    return cuts, _count_each(machines(), X, y)


def path_errors_incremental(start, flipped, inputs, labels):
    """The same in NumPy, after every flip: pre-activations and votes are updated, each a row of P numbers."""
    H, N = start.shape
    columns, positive = np.ascontiguousarray(inputs.T.astype(np.int16)), labels > 0
    fields = (start.astype(np.int32) @ inputs.T.astype(np.int32)).astype(np.int16)
    votes = (fields >= 0).sum(0, dtype=np.int16)
    current, errors = start.copy(), np.empty(len(flipped) + 1, np.int64)
    errors[0] = np.count_nonzero((2 * votes >= H) != positive)
    for t, index in enumerate(flipped):
        h, i = divmod(int(index), N)
        current[h, i] *= -1
        new = fields[h] + 2 * current[h, i] * columns[i]
        votes += (new >= 0).view(np.int8) - (fields[h] >= 0).view(np.int8)
        fields[h] = new
        errors[t + 1] = np.count_nonzero((2 * votes >= H) != positive)
    return errors


@torch.no_grad()
def local_energy(weights, lengths, orders, X, y):
    """Errors after the first lengths[f] flips of each of some orders, (realizations, F); lengths not falling."""

    def machines():
        for order in orders:
            flipped = weights.clone()
            for before, after in zip([0, *lengths[:-1]], lengths, strict=True):
                flipped.view(-1)[order[before:after]] *= -1
                yield flipped.clone()

    return _count_each(machines(), X, y).view(-1, len(lengths))


@torch.no_grad()
def train(latents, orders, X, y, batch_size, learning_rate, window, pulls, scale=1.0, look=True):
    """BinaryNet with a straight-through estimator, gradients by hand (faster than autograd); one step per batch.

    latents (R, H, N), updated; orders (epochs, R, P), the shuffles; pulls (epochs,), the coupling of the replicas;
    scale: of the logit. Yields the errors of the centre after every epoch, or None if nobody looks.
    """
    R, _, N = latents.shape
    for order, pull in zip(orders, pulls, strict=True):
        for first in range(0, order.shape[1], batch_size):
            chosen = order[:, first : first + batch_size]
            x, label = X[chosen], y[chosen]  # (R, B, N), (R, B)
            fields = torch.bmm(x, torch.where(latents >= 0, 1.0, -1.0).mT)
            logit = scale * fields.sign().sum(2)
            signal = label * torch.sigmoid(-label * logit) * (scale / (math.sqrt(N) * x.shape[1]))
            passed = torch.where(fields.abs() <= window, signal[:, :, None], 0.0)
            latents.baddbmm_(passed.mT, x, alpha=learning_rate).clamp_(-1, 1)
            if R > 1:
                latents.lerp_(latents.mean(0, keepdim=True).expand_as(latents), pull)
        centre = torch.where(latents.mean(0, keepdim=True) >= 0, 1.0, -1.0) if look else None
        yield int(count_errors(centre, X, y)[0]) if look else None


def align(moving, target):
    """Permutation of the units of `moving` (H, N) that brings it closest to `target`."""
    overlaps = target.astype(np.float32) @ moving.astype(np.float32).T
    return moving[linear_sum_assignment(overlaps, maximize=True)[1]]
