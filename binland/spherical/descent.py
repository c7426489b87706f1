"""Gradient descent to a solution with a given margin."""

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
    """Find a solution with a margin by gradient descent on the sphere.

    The loss is sum_mu max(0, kappa + slack - h_mu)^2 / 2 with the fields h = W . xi / sqrt(N). The result is not a
    typical solution: `sample` draws those.

    Parameters
    ----------
    instance : Instance
        Patterns (P, N).
    kappa : float
        Margin, -4 to 4.
    seed : int, SeedSequence or Generator
        Fixes the random start; not used if `start` is given.
    start : Solution or array_like of shape (N,), optional
        Where to begin; by default uniform on the sphere.
    steps : int, default 10_000
        Largest number of steps, each with all patterns, at a cost of N P.
    rate : float, default 1.0
        Step size in units of 1 / (1 + sqrt(P / N))^2, the inverse of the largest curvature; above 0.
    momentum : float, default 0.9
        Share of the velocity that is kept, 0 to 1.
    slack : float, default 0.01
        How far above kappa fields are still pushed up, 0 or more.

    Returns
    -------
    Solution
        The first weights that violate no constraint, or the last ones: look at ``.error(instance)``. ``.history`` holds
        the fraction of violated constraints before every step and at the end.

    Raises
    ------
    InvalidInputError
        If an argument is out of range.

    Examples
    --------
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
