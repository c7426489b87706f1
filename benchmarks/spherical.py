"""A sweep of the sampler of the spherical perceptron beside one in NumPy: `python benchmarks/spherical.py [--tiny]
[--repeat 7]`.

Both do the same rotations, to the same angles up to rounding, which is checked; times are medians of turns.
"""

import argparse
import math
import statistics
import time

import numpy as np
from rich.console import Console
from rich.table import Table

import binland as bl
from binland.kernels.rotations import rotate
from binland.theory.gaussian import Array


def numpy_sweep(weights: Array, fields: Array, columns: Array, kappa: float, order: Array, shares: Array) -> None:
    """As `rotate`, with whole arrays of patterns."""
    for (i, j), share in zip(order[: 2 * len(shares)].reshape(-1, 2), shares, strict=True):
        one, two, first, second = weights[i], weights[j], columns[i], columns[j]
        along, across = one * first + two * second, one * second - two * first
        lowest, radius = kappa - fields + along, np.hypot(along, across)
        failing = lowest > -radius
        width = np.arccos(np.minimum(lowest[failing] / radius[failing], 1))
        phase = np.arctan2(across[failing], along[failing])
        angle = chosen(phase + width, 2 * math.pi + phase - width, share)
        weights[i], weights[j] = one * np.cos(angle) - two * np.sin(angle), two * np.cos(angle) + one * np.sin(angle)
        fields += (weights[i] - one) * first + (weights[j] - two) * second


def chosen(starts: Array, ends: Array, share: float) -> float:
    """The angle with a share of the free angles before it."""
    order = np.argsort(starts)
    reached = np.maximum.accumulate(np.concatenate([[0.0], ends[order]]))
    gaps = np.maximum(np.concatenate([starts[order], [2 * math.pi]]) - reached, 0)
    before = np.cumsum(gaps)
    k = int(np.searchsorted(before, share * before[-1]))
    return float(reached[k] + share * before[-1] - (before[k] - gaps[k]))


def compare(n: int, alpha: float, kappa: float, repeat: int) -> list[str]:
    """A row of the table."""
    instance = bl.spherical.patterns(round(alpha * n), n, seed=0)
    start = bl.spherical.sample(instance, kappa, 1, seed=0, spacing=20, burn_in=0).weights[0]
    columns, rng = np.ascontiguousarray(instance.inputs.T) / math.sqrt(n), np.random.default_rng(0)
    order, shares, scratch = rng.permutation(n), rng.random(n // 2), np.empty((2, instance.n_patterns))

    def ours() -> Array:
        weights = start.copy()
        rotate(weights, weights @ columns, columns, kappa, order, shares, *scratch)
        return weights

    def theirs() -> Array:
        weights = start.copy()
        numpy_sweep(weights, weights @ columns, columns, kappa, order, shares)
        return weights

    assert np.allclose(ours(), theirs(), atol=1e-9)
    taken: list[list[float]] = [[], []]
    for _ in range(repeat):
        for call, seconds in zip((ours, theirs), taken, strict=True):
            began = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - began)
    own, other = (1e3 * statistics.median(seconds) for seconds in taken)
    return [f"{n}", f"{alpha:g}", f"{kappa:g}", f"{own:.3g}", f"{other:.3g}", f"{other / own:.1f}"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    table = Table("N", "P / N", "kappa", "sweep (ms)", "NumPy (ms)", "ratio")
    for n in (20,) if options.tiny else (200, 400):
        for alpha, kappa in ((1.0, -0.5), (2.0, -0.5), (0.5, 0.0)):
            table.add_row(*compare(n, alpha, kappa, options.repeat))
    Console().print(table)


if __name__ == "__main__":
    main()
