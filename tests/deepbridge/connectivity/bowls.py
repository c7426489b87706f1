"""Networks of ReLUs and their symmetries, and quadratic bowls, for measures of flatness."""

import numpy as np
import torch
from torch import nn

import deepbridge as db
from deepbridge import connectivity
from tests.deepbridge.continuous.problems import blobs


def chain(bias=True, seed=0, n_outputs=3):
    """A trained-like network of ReLUs with two hidden layers, of random weights in float64, and its landscape."""
    torch.manual_seed(seed)
    layers = [nn.Linear(8, 6, bias), nn.ReLU(), nn.Linear(6, 5, bias), nn.ReLU(), nn.Linear(5, n_outputs, bias)]
    module = nn.Sequential(*layers).double()
    inputs, classes = blobs(8, max(n_outputs, 2), 40, seed)
    found = db.from_module(module, torch.zeros(2, 8, dtype=torch.float64))
    return found, db.landscape(found.network, (inputs, classes), dtype="float64")


def rescaled(one, factors):
    """The same function: units of a layer times the factor, the next layer's weights divided by it.

    factors: name of a layer, name of the next, and a number or one for each unit.
    """
    state = {name: tensor.clone() for name, tensor in one.state.items()}
    for layer, after, factor in factors:
        factor = torch.as_tensor(factor, dtype=torch.float64)
        state[f"{layer}.weight"] *= factor.reshape(-1, 1)
        if f"{layer}.bias" in state:
            state[f"{layer}.bias"] *= factor
        state[f"{after}.weight"] /= factor
    return one.at(state)


def permuted(one, layer, after, order):
    """The same function with the units of a layer in another order."""
    state = {name: tensor.clone() for name, tensor in one.state.items()}
    for name in (f"{layer}.weight", f"{layer}.bias"):
        if name in state:
            state[name] = state[name][order]
    state[f"{after}.weight"] = state[f"{after}.weight"][:, order]
    return one.at(state)


def bowl(eigenvalues, centre=1.0):
    """sum eigenvalue_i (x_i - centre)^2 / 2, and its minimum."""
    scales = torch.as_tensor(np.asarray(eigenvalues, float))
    there = connectivity.Function(lambda x: (scales * (x - centre) ** 2).sum() / 2, len(scales))
    return there, np.full(len(scales), float(centre))
