"""Measures of flatness as one writes them down: dense matrices, circles, all weight vectors; imports no package."""

import itertools
import math

import numpy as np
import torch


def module_loss(module, inputs, classes):
    """Mean cross-entropy of a module in evaluation mode, as a function of all its parameters in one row."""
    module = module.eval()
    names, tensors = zip(*module.named_parameters(), strict=True)

    def loss(flat):
        state = {
            name: part.view(tensor.shape)
            for name, tensor, part in zip(names, tensors, flat.split([t.numel() for t in tensors]), strict=True)
        }
        outputs = torch.func.functional_call(module, state, (inputs,))
        if outputs.shape[1] == 1:
            return torch.nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], classes.to(outputs))
        return torch.nn.functional.cross_entropy(outputs, classes)

    return loss, torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def hessian(function, point):
    """All second derivatives, (n, n)."""
    return torch.autograd.functional.hessian(function, point).numpy()


def fisher(module, inputs, empirical=None):
    """Fisher matrix (n, n): mean over patterns of the mean of g g^T over labels, or for the given labels only."""
    total = 0
    for p in range(len(inputs)):
        one = inputs[p : p + 1]
        with torch.no_grad():
            outputs = module.eval()(one)[0].double()
        shares = (
            outputs.softmax(0) if len(outputs) > 1 else torch.stack([1 - outputs.sigmoid()[0], outputs.sigmoid()[0]])
        )
        for label, share in enumerate(shares.tolist()):
            if empirical is not None:
                share = float(label == empirical[p])
            loss, point = module_loss(module, one, torch.tensor([label]))
            gradient = torch.func.grad(loss)(point).detach().numpy()
            total = total + share * np.outer(gradient, gradient) / len(inputs)
    return total


def worst_on_disk(function, point, radius, points=4000):
    """Highest rise of a function of two numbers within a disk, on a fine grid of circles."""
    angles = np.linspace(0, 2 * np.pi, points, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    radii = np.linspace(0, radius, 41)
    return max(function(point + r * e) for r in radii for e in circle) - function(point)


def worst_in_box(function, point, sides, points=201):
    """Highest rise of a function of two numbers within a box, on a grid."""
    xs, ys = (np.linspace(-side, side, points) for side in sides)
    return max(function(point + np.array([x, y])) for x in xs for y in ys) - function(point)


def ellipsoid_log_volume(axes):
    """ln of the volume of an ellipsoid with these half axes."""
    n = len(axes)
    return n / 2 * math.log(math.pi) - math.lgamma(n / 2 + 1) + sum(math.log(a) for a in axes)


def hamming_hits(weights, distances, errors, most):
    """At each distance, how many weight vectors make at most so many errors; errors: function of flat weights."""
    hits = []
    for k in distances:
        count = 0
        for flips in itertools.combinations(range(len(weights)), k):
            other = np.array(weights)
            other[list(flips)] *= -1
            count += errors(other) <= most
        hits.append(count)
    return hits


def tau_a(x, y):
    total = 0
    for i in range(len(x)):
        for j in range(len(x)):
            if i != j:
                total += np.sign(x[i] - x[j]) * np.sign(y[i] - y[j])
    return total / (len(x) * (len(x) - 1))
