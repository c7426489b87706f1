"""Elastic bands, curves and stars in plain loops: one point after the other, one pattern batch after the other.

A landscape is a pair of functions here: value(point) and slope(point, batch) -> (loss, gradient), for float64 arrays.
"""

import math
from itertools import pairwise

import numpy as np
import torch
from torch import nn


def distances(points):
    return [float(np.linalg.norm(b - a)) for a, b in pairwise(points)]


def redistributed(points, weights):
    """Walk along the polygon and set every inner point down where its share of the whole length is reached."""
    lengths, total = distances(points), sum(distances(points))
    made, reached = [points[0]], 0.0
    for weight in weights[:-1]:
        reached += weight / sum(weights) * total
        before = 0.0
        for k, length in enumerate(lengths):
            if reached <= before + length or k == len(lengths) - 1:
                share = (reached - before) / length
                made.append((1 - share) * points[k] + share * points[k + 1])
                break
            before += length
    return [*made, points[-1]]


def tangent(before, here, after, loss_before, loss, loss_after):
    """Henkelman and Jonsson 2000, equations 8 to 11, with unit vectors, as their text asks for at extrema."""
    up, down = (after - here) / np.linalg.norm(after - here), (here - before) / np.linalg.norm(here - before)
    if loss_after > loss > loss_before:
        made = up
    elif loss_after < loss < loss_before:
        made = down
    else:
        large = max(abs(loss_after - loss), abs(loss_before - loss))
        small = min(abs(loss_after - loss), abs(loss_before - loss))
        if large == 0:
            large = small = 1
        made = up * large + down * small if loss_after > loss_before else up * small + down * large
    return made / np.linalg.norm(made) if np.linalg.norm(made) > 1e-9 else np.zeros_like(made)


def autoneb(value, slope, start, end, settings, batch):
    """The chain at the end, and the highest loss before each cycle. batch(step): what `slope` gets at a step."""
    count = settings.pivots + 2
    points = [start + k / (count - 1) * (end - start) for k in range(count)]
    weights, history, step = [1.0] * (count - 1), [], 0
    for cycle, (steps, rate) in enumerate(settings.cycles):
        losses, shares, gaps = profile(value, points, settings.between)
        history.append(max(losses))
        if cycle:
            points, weights = inserted(points, weights, losses, shares, gaps, settings)
        ends, velocity = (value(points[0]), value(points[-1])), None
        for _ in range(steps):
            points = redistributed(points, weights)
            found = [slope(point, batch(step)) for point in points[1:-1]]
            losses = [ends[0], *(loss for loss, _ in found), ends[1]]
            forces = []
            for k, (_, gradient) in enumerate(found, start=1):
                gradient = gradient + settings.weight_decay * points[k]
                along = tangent(points[k - 1], points[k], points[k + 1], *losses[k - 1 : k + 2])
                forces.append(gradient - (gradient @ along) * along)
            velocity = (
                forces
                if velocity is None
                else [settings.momentum * v + f for v, f in zip(velocity, forces, strict=True)]
            )
            points = [points[0], *(p - rate * v for p, v in zip(points[1:-1], velocity, strict=True)), points[-1]]
            step += 1
    return points, history


def profile(value, points, between):
    """Losses along the chain, with the share of the way and the number of the gap of each."""
    losses, shares, gaps = [], [], []
    for k in range(len(points) - 1):
        for j in range(between + 1):
            share = j / (between + 1)
            losses.append(value((1 - share) * points[k] + share * points[k + 1]))
            shares.append(share)
            gaps.append(k)
    return [*losses, value(points[-1])], [*shares, 0.0], [*gaps, len(points) - 1]


def inserted(points, weights, losses, shares, gaps, settings):
    """The published rule: at most so many gaps, those that stand out most, each at its highest place."""
    at = {
        k: next(loss for loss, s, g in zip(losses, shares, gaps, strict=True) if g == k and s == 0)
        for k in range(len(points))
    }
    size, candidates = max(at.values()) - min(at.values()), []
    for k in range(len(points) - 1):
        inner = [
            (loss - ((1 - s) * at[k] + s * at[k + 1]), -s)
            for loss, s, g in zip(losses, shares, gaps, strict=True)
            if g == k and s > 0
        ]
        excess, minus_share = max(inner)
        if excess > settings.threshold * size:
            candidates.append((excess, k, -minus_share))
    chosen = {k: share for _, k, share in sorted(candidates, reverse=True)[: settings.inserted]}
    made, sizes = [], []
    for k in range(len(points) - 1):
        made.append(points[k])
        if k in chosen:
            share = chosen[k]
            made.append((1 - share) * points[k] + share * points[k + 1])
            sizes += [share * weights[k], (1 - share) * weights[k]]
        else:
            sizes.append(weights[k])
    return [*made, points[-1]], sizes


def curve_point(corners, t, kind):
    """De Casteljau for Bezier curves; the right line of a polygon."""
    if kind == "polygon":
        place = t * (len(corners) - 1)
        k = min(int(place), len(corners) - 2)
        return (1 - (place - k)) * corners[k] + (place - k) * corners[k + 1]
    while len(corners) > 1:
        corners = [(1 - t) * a + t * b for a, b in pairwise(corners)]
    return corners[0]


class Network:
    """A torch module as value and slope, whose weights are set one after the other; float64."""

    def __init__(self, module, inputs, classes):
        self.module, self.inputs, self.classes = module.double(), inputs.double(), classes

    def set(self, point):
        place = 0
        for parameter in self.module.parameters():
            size = parameter.numel()
            parameter.data = torch.tensor(point[place : place + size]).view_as(parameter)
            place += size

    def value(self, point):
        self.set(point)
        with torch.no_grad():
            return float(nn.functional.cross_entropy(self.module(self.inputs), self.classes))

    def wrong(self, point):
        self.set(point)
        with torch.no_grad():
            return int((self.module(self.inputs).argmax(1) != self.classes).sum())

    def slope(self, point, batch):
        self.set(point)
        rows = torch.arange(len(self.classes)) if batch is None else batch
        self.module.zero_grad()
        loss = nn.functional.cross_entropy(self.module(self.inputs[rows]), self.classes[rows])
        loss.backward()
        return float(loss.detach()), np.concatenate([p.grad.reshape(-1).numpy() for p in self.module.parameters()])


def spanning_tree_height(heights):
    """For every pair the lowest highest edge over all ways: Floyd and Warshall with maximum and minimum."""
    made = np.array(heights, float)
    for k in range(len(made)):
        for i in range(len(made)):
            for j in range(len(made)):
                if len({i, j, k}) == 3:
                    made[i, j] = min(made[i, j], max(made[i, k], made[k, j]))
    return made


def normalized_arc(a, b, t):
    """The point at t on the arc between two vectors of one norm."""
    norm = np.linalg.norm(a)
    angle = math.acos(np.clip(a @ b / norm**2, -1, 1))
    return (math.sin((1 - t) * angle) * a + math.sin(t * angle) * b) / math.sin(angle)


def jump_and_retrain(module, inputs, classes, start, jumps, settings, batch, seen=None):
    """All points in order: the start, all runs after their jumps, all runs after each epoch. One run after the other.

    batch(step, run): numbers of patterns. seen(images, step, run): images as a run sees them.
    """
    per_epoch = -(-len(classes) // settings.batch_size)
    runs = []
    for run, jump in enumerate(jumps):
        place = 0
        for parameter in module.parameters():
            size = parameter.numel()
            parameter.data = torch.tensor((start + jump)[place : place + size]).view_as(parameter)
            place += size
        trained = [p for p in module.parameters() if p.requires_grad]
        descent = torch.optim.SGD(
            trained, settings.learning_rate, settings.momentum, weight_decay=settings.weight_decay
        )
        kept = [_flat(module)]
        module.train()
        for epoch in range(settings.epochs):
            for k in range(per_epoch):
                step = epoch * per_epoch + k
                rows = batch(step, run)
                rows = slice(None) if rows is None else rows
                images = inputs[rows] if seen is None else seen(inputs[rows], step, run)
                descent.zero_grad()
                nn.functional.cross_entropy(module(images), classes[rows]).backward()
                descent.step()
            kept.append(_flat(module))
        runs.append(kept)
    return np.array([start, *(run[epoch] for epoch in range(settings.epochs + 1) for run in runs)])


def _flat(module):
    return np.concatenate([p.detach().reshape(-1).numpy().copy() for p in module.parameters()])
