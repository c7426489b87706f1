"""Typical solutions of an instance: uniform samples from the part of the sphere where all constraints hold."""

import math
from dataclasses import dataclass

import numpy as np

from binland.checks import checked_memory, positive_int
from binland.errors import InvalidInputError
from binland.kernels.rotations import rotate
from binland.rng import Seed, generator
from binland.spherical.arguments import checked_margin
from binland.spherical.descent import solve
from binland.spherical.instances import Instance, Solution, on_sphere, starting
from binland.summary import Summary
from binland.theory.gaussian import Array

WINDOW = 5  # the sum goes over so many autocorrelation times


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Chain(Summary):
    """A Markov chain of solutions (`sample`).

    Attributes
    ----------
    kappa : float
        Margin.
    weights : numpy.ndarray of shape (count, N)
        The solutions that were kept, ``|W|^2 = N``.
    overlaps : numpy.ndarray of shape (burn_in + count * spacing,)
        Overlap W . W_0 / N with the start after every sweep.
    start : numpy.ndarray of shape (N,)
        The start W_0.
    burn_in : int
        Sweeps before the count begins: the first solution is kept after burn_in + spacing sweeps.
    spacing : int
        Sweeps from one kept solution to the next.
    """

    kappa: float
    weights: Array
    overlaps: Array
    start: Array
    burn_in: int
    spacing: int

    _shown = ("kappa", "weights", "burn_in", "spacing", "autocorrelation_time")

    @property
    def solutions(self) -> list[Solution]:
        """The kept solutions, as a list of Solution."""
        return [Solution(weights, self.kappa) for weights in self.weights]

    @property
    def autocorrelation_time(self) -> float:
        """Integrated autocorrelation time of the overlap with the start, after burn_in, in sweeps.

        Kept solutions are about independent if the spacing is a few times this number. It is 1 + 2 times the sum of the
        autocorrelation up to five times itself (Sokal 1997). A chain shorter than about 50 times it gives too small a
        value; fewer than 4 sweeps, or overlaps that never change, give nan.
        """
        return autocorrelation_time(self.overlaps[self.burn_in :])


def autocorrelation_time(values: Array) -> float:
    """Integrated autocorrelation time of a series (n,); nan if it is too short or constant."""
    away = values - values.mean() if len(values) else values
    if len(away) < 4 or not away.any():
        return float("nan")
    power = np.abs(np.fft.rfft(away, 2 * len(away))) ** 2
    correlation = np.fft.irfft(power)[: len(away)]
    times = 2 * np.cumsum(correlation / correlation[0]) - 1
    long = np.flatnonzero(np.arange(len(times)) >= WINDOW * times)
    return float(times[long[0]] if long.size else times[-1])


def sample(
    instance: Instance,
    kappa: float,
    count: int,
    seed: Seed,
    *,
    spacing: int | None = None,
    burn_in: int | None = None,
    start: Solution | Array | None = None,
) -> Chain:
    """Draw typical solutions: uniform samples of the part of the sphere where every constraint holds.

    Solutions are W with ``|W|^2 = N`` and W . xi / sqrt(N) > kappa for every pattern. Gibbs sampling without rejection:
    a sweep pairs the weights at random and rotates each pair to a uniform one of the angles that all constraints allow,
    which are computed exactly. A sweep costs N P.

    Parameters
    ----------
    instance : Instance
        Patterns (P, N).
    kappa : float
        Margin, -4 to 4.
    count : int
        Number of solutions to keep, at least 1.
    seed : int, SeedSequence or Generator
        Fixes everything that is drawn.
    spacing : int, optional
        Sweeps from one kept solution to the next, at least 1; by default P (1 + P / N), which is a few autocorrelation
        times for N of a few hundred and P / N up to 2, and too few close to capacity: look at
        ``.autocorrelation_time``.
    burn_in : int, optional
        Sweeps before the count begins, 0 or more; by default two spacings.
    start : Solution or array_like of shape (N,), optional
        A solution to begin at; by default the one that `solve` finds.

    Returns
    -------
    Chain
        ``.solutions``, ``.weights`` and ``.autocorrelation_time``.

    Raises
    ------
    InvalidInputError
        If the start is not a solution, none is found, or an argument is out of range.

    Notes
    -----
    Equal seeds give equal numbers on one computer. On another one cosines may differ in the last bit, and the chain
    then takes another way.

    Examples
    --------
    >>> import binland as bl
    >>> instance = bl.spherical.patterns(40, 50, seed=0)
    >>> chain = bl.spherical.sample(instance, -0.5, count=3, seed=0)
    >>> chain.weights.shape, [solution.error(instance) for solution in chain.solutions]
    ((3, 50), [0.0, 0.0, 0.0])
    """
    margin, kept = checked_margin("kappa", kappa), positive_int("count", count)
    weights = starting(solve(instance, margin, seed) if start is None else start, instance, seed, "spherical.sample")
    every = default_spacing(instance) if spacing is None else positive_int("spacing", spacing)
    before = 2 * every if burn_in is None else positive_int("burn_in", burn_in, minimum=0)
    sweeps = before + kept * every
    checked_memory(f"{kept} solutions and {sweeps} sweeps", 8 * (kept * instance.n_inputs + sweeps))
    walker, found, overlaps = Walker(instance, margin, weights, seed), [], []
    for sweep in range(1, sweeps + 1):
        walker.sweep()
        overlaps.append(float(walker.weights @ weights) / len(weights))
        if sweep > before and (sweep - before) % every == 0:
            found.append(walker.weights)
    return Chain(
        kappa=margin,
        weights=np.array(found),
        overlaps=np.array(overlaps),
        start=weights,
        burn_in=before,
        spacing=every,
    )


def default_spacing(instance: Instance) -> int:
    """P (1 + P / N) sweeps, since the allowed angles of a rotation shrink as 1 / P."""
    return math.ceil(instance.n_patterns * (1 + instance.n_patterns / instance.n_inputs))


class Walker:
    """Weights that walk among the solutions of an instance."""

    def __init__(self, instance: Instance, kappa: float, weights: Array, seed: Seed):
        self.columns = np.ascontiguousarray(instance.inputs.T) / np.sqrt(instance.n_inputs)
        self.kappa, self.weights, self.rng = kappa, weights, generator(seed, "spherical.sample")
        self.scratch = np.empty((2, instance.n_patterns))
        violated = int(np.count_nonzero(weights @ self.columns <= kappa))
        if violated:
            raise InvalidInputError(
                f"start violates {violated} of {instance.n_patterns} constraints at kappa = {kappa:g}, and solutions"
                " are drawn from one; give a solution as start, or take a smaller margin or less patterns"
            )

    def sweep(self) -> None:
        """Rotate every weight once. Fields are computed anew, so that rounding errors do not add up."""
        n = len(self.weights)
        weights = on_sphere(self.weights)
        fields, order = weights @ self.columns, self.rng.permutation(n)
        rotate(weights, fields, self.columns, self.kappa, order, self.rng.random(n // 2), *self.scratch)
        self.weights = weights
