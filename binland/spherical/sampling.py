"""Typical solutions: uniform ones of the sphere's part on which all constraints hold, by Gibbs sampling."""

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

WINDOW = 5  # in autocorrelation times, of the sum that estimates them


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Chain(Summary):
    """A Markov chain of solutions.

    kappa: margin. weights: (count, N) float64, |W|^2 = N, kept every `spacing` sweeps after burn_in of them. overlaps:
    (burn_in + count spacing,) overlap W . W_0 / N with the start after every sweep. start: W_0, (N,).
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
        """The kept ones."""
        return [Solution(weights, self.kappa) for weights in self.weights]

    @property
    def autocorrelation_time(self) -> float:
        """Integrated autocorrelation time, in sweeps, of the overlap with the start after burn_in.

        1 + 2 sum of the autocorrelation up to five such times (Sokal 1997): consecutive kept solutions are about
        independent if the spacing is a few of them. A chain of less than about 50 times says too small a number; nan
        below 4 sweeps.
        """
        return autocorrelation_time(self.overlaps[self.burn_in :])


def autocorrelation_time(values: Array) -> float:
    """Of a series (n,), in its steps; nan of one that is too short or constant."""
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
    """Draw solutions uniformly from {W: |W|^2 = N, W . xi / sqrt(N) > kappa for every pattern}.

    A sweep rotates N / 2 pairs of weights, paired at random, each to a uniform one of the angles that all constraints
    allow, which are computed exactly: Gibbs sampling without rejection, cost N P.
    instance: patterns (P, N). kappa: margin, from -4 to 4. count: solutions to keep. spacing: sweeps from one to the
    next, by default P (1 + P / N): a few autocorrelation times for N of a few hundred and P / N up to 2, and too few
    close to capacity, which .autocorrelation_time shows. burn_in: sweeps before the first, by
    default two spacings. start: a solution to begin at, by default what `solve` finds.
    Raises InvalidInputError if the start is not a solution, or none was found, and on arguments out of range. Equal
    seeds give equal numbers on one machine; the cosines of another may differ in the last bit, and a chain then goes
    another way.
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
    """P (1 + P / N) sweeps, since the free angles of a rotation shrink as 1 / P."""
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
        """Every weight once; sums are made anew, so that rounding does not add up."""
        n = len(self.weights)
        weights = on_sphere(self.weights)
        fields, order = weights @ self.columns, self.rng.permutation(n)
        rotate(weights, fields, self.columns, self.kappa, order, self.rng.random(n // 2), *self.scratch)
        self.weights = weights
