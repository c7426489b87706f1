"""Surfaces and directions as one would write them first: loops over grid points, filters and modules of PyTorch."""

import copy
import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional

SCALED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def surface(module, origin, directions, xs, ys, inputs, classes, data=None):
    """Losses and errors (Y, X) by setting the weights of a module point by point; ys None for one direction.

    origin, directions[k]: lists of arrays, one for each parameter. data: on which batch-norm statistics are estimated,
    with one batch, before the module is evaluated.
    """
    module = copy.deepcopy(module).double()
    losses, errors = [], []
    for y in [0.0] if ys is None else ys:
        for x in xs:
            with torch.no_grad():
                for k, parameter in enumerate(module.parameters()):
                    value = origin[k] + x * directions[0][k]
                    if ys is not None:
                        value = value + y * directions[1][k]
                    parameter.copy_(torch.as_tensor(value))
                loss, wrong = evaluated(module, torch.as_tensor(inputs), torch.as_tensor(classes), data)
            losses.append(loss)
            errors.append(wrong)
    shape = (len(xs),) if ys is None else (len(ys), len(xs))
    return np.array(losses).reshape(shape), np.array(errors).reshape(shape)


def evaluated(module, inputs, classes, data):
    if data is not None:
        for one in module.modules():
            if isinstance(one, nn.modules.batchnorm._BatchNorm):
                one.reset_running_stats()
                one.momentum = 1.0
        module.train()
        module(torch.as_tensor(data))
    module.eval()
    outputs = module(inputs)
    if outputs.shape[1] == 1:
        loss = functional.binary_cross_entropy_with_logits(outputs[:, 0], classes.double())
        return float(loss), int(((outputs[:, 0] >= 0) != (classes == 1)).sum())
    return float(functional.cross_entropy(outputs, classes)), int((outputs.argmax(1) != classes).sum())


def split(module, flat):
    """A flat row of numbers as one array for each parameter of a module."""
    parts, done = [], 0
    for parameter in module.parameters():
        count = parameter.numel()
        parts.append(np.asarray(flat[done : done + count]).reshape(tuple(parameter.shape)))
        done += count
    return parts


def normalized(module, direction, point, by):
    """A direction scaled filter by filter, or layer by layer; all but weights of layers is zero. Lists of arrays."""
    made, names = [], dict(module.named_modules())
    for (name, _), d, w in zip(module.named_parameters(), direction, point, strict=True):
        owner, kind = name.rpartition(".")[::2]
        if kind != "weight" or not isinstance(names[owner], SCALED):
            made.append(np.zeros_like(d))
        elif by == "layer":
            made.append(d * math.sqrt((w**2).sum()) / math.sqrt((d**2).sum()))
        else:
            rows = [x * math.sqrt((y**2).sum()) / math.sqrt((x**2).sum()) for x, y in zip(d, w, strict=True)]
            made.append(np.array(rows))
    return made


def projected(origin, directions, point):
    """Coordinates of the nearest point, and its distance, by least squares."""
    coordinates, *_ = np.linalg.lstsq(directions.T, point - origin, rcond=None)
    return coordinates, np.linalg.norm(origin + directions.T @ coordinates - point)


def principal(points, count, centre):
    """Principal directions and fractions from the singular values of the whole matrix."""
    middle = points.mean(0) if centre == "mean" else points[-1]
    _, sizes, rows = np.linalg.svd(points - middle, full_matrices=False)
    return rows[:count], sizes[:count] ** 2 / (sizes**2).sum()


def binary_outputs(weights, inputs, scale):
    """Logits of a binary perceptron of several layers: signs of what a unit sums, and sums over sqrt(fan-in)."""
    x = inputs * scale
    for k, w in enumerate(weights):
        delta = x @ w.T / math.sqrt(w.shape[1])
        x = np.where(delta >= 0, 1.0, -1.0) if k < len(weights) - 1 else delta
    return x


def mueller_brown(x, y):
    """The potential of Mueller and Brown, Theor. Chim. Acta 53, 75 (1979)."""
    A, a, b, c = (-200, -100, -170, 15), (-1, -1, -6.5, 0.7), (0, 0, 11, 0.6), (-10, -10, -6.5, 0.7)
    X, Y = (1, 0, -0.5, -1), (0, 0.5, 1.5, 1)
    total = 0.0
    for k in range(4):
        dx, dy = x - X[k], y - Y[k]
        total += A[k] * math.exp(a[k] * dx * dx + b[k] * dx * dy + c[k] * dy * dy)
    return total
