"""Gradient descent to a solution with a margin."""

import math

import numpy as np

from binland.checks import fraction, positive, positive_int
from binland.rng import Seed
from binland.spherical.arguments import checked_margin
from binland.spherical.instances import Instance, Solution, on_sphere, starting
from binland.theory.gaussian import Array


def solve(
    instance: Instance,
    kappa: float,
    seed: Seed,
    *,
    start: Solution | Array | None = None,
    steps: int = 10_000,
    rate: float = 1.0,
    momentum: float = 0.9,
    slack: float = 0.01,
) -> Solution:
    """Descend sum_mu (kappa + slack - h_mu)_+^2 / 2 on the sphere, h = W . xi / sqrt(N), until every h is above kappa.

    instance: patterns (P, N). kappa: margin, from -4 to 4. start: a solution or weights (N,) to begin at, uniform ones
    by default (all that the seed decides). steps: at most, each of the whole batch; cost N P. rate: in units of
    1 / (1 + sqrt(P / N))^2, the inverse of the largest curvature. momentum: of the velocity, from 0 to 1. slack: by how
    much fields above kappa are pushed on.
    Returns the first weights without a violated constraint, or the last ones: look at .error(instance), or .history
    (fractions of violated constraints, one for each step and the end). It is no typical solution: `sample` draws these.
    Raises InvalidInputError on arguments out of range.

    >>> import binland as bl
    >>> instance = bl.spherical.patterns(200, 200, seed=0)
    >>> bl.spherical.solve(instance, -0.5, seed=0).error(instance)
    0.0
    """
    weights, margin = starting(start, instance, seed, "spherical.solve"), checked_margin("kappa", kappa)
    most, keep = positive_int("steps", steps), fraction("momentum", momentum)
    target = margin + positive("slack", slack, zero=True)
    size = positive("rate", rate) / (1 + math.sqrt(instance.n_patterns / instance.n_inputs)) ** 2
    velocity, history = np.zeros_like(weights), []
    for left in range(most, -1, -1):
        fields = instance.fields(weights)
        history.append(float(np.mean(fields <= margin)))
        if history[-1] == 0 or not left:
            break
        push = np.maximum(target - fields, 0) @ instance.inputs / math.sqrt(instance.n_inputs)
        velocity = keep * velocity + size * push
        weights = on_sphere(weights + velocity)
    return Solution(weights, margin, np.array(history))
