"""Small networks on random data, with landscapes of them."""

import numpy as np
import torch
from torch import nn

import deepbridge as db
from tests.naive import connectivity as naive

MODULES = {
    "mlp": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(12, 7), nn.ReLU(), nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 3)
    ),
    "conv": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16, 6), nn.ReLU(), nn.Linear(6, 3)
    ),
    "norm": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(12, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Dropout(0.3), nn.Linear(7, 3)
    ),
}
SHAPES = {"mlp": (12,), "conv": (1, 6, 6), "norm": (12,)}


def data(kind="mlp", count=60, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, *SHAPES[kind])), rng.integers(classes, size=count)


def network(kind="mlp"):
    """A module of one's own, as any user has it."""
    torch.manual_seed(0)
    return db.from_module(MODULES[kind](), torch.zeros(2, *SHAPES[kind])).network


def landscape(kind="mlp", **options):
    options = {"dtype": "float64", "test": data(kind, seed=1)} | options
    return db.landscape(network(kind), data(kind), **options)


def solution(kind="mlp", seed=0):
    net = network(kind)
    return db.ContinuousSolution(net, net.initial(seed, torch.float64))


def twin(kind="mlp"):
    """The same network, one point after the other."""
    inputs, classes = data(kind)
    return naive.Network(MODULES[kind](), torch.tensor(inputs), torch.tensor(classes))
