"""Exact enumeration beside NumPy and a bound: `python benchmarks/exact.py [--tiny] [--repeat 5]`.

Error counts of all 2^n weight vectors on one thread, with their histogram and the solutions; in NumPy all codes at
once, a popcount for each unit and pattern. In one process, taking turns, medians; both are checked to find the same.
The bound is logic at the rate of `peaks.py`: (2 x 8 + 8) / 7 operations on the bits of a pattern for bit-sliced
counters, and three on each of their 8 planes, as wide as bytes, to make bytes of them. Then time and memory of
components, bottlenecks and distances of pairs: the largest memory of a process, one for each.
"""

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
from peaks import measure
from rich.console import Console
from rich.table import Table
from turns import in_turns, spread

import binland as bl
from binland.enumeration import error_counts
from binland.kernels.enumeration import PLANES

Machine = bl.Perceptron | bl.CommitteeMachine


def peer(machine: Machine, patterns: bl.Patterns) -> tuple[np.ndarray, np.ndarray]:
    """Histogram of errors and codes of solutions, as one would write it in NumPy."""
    n, h, inputs = machine.n_weights, machine.n_hidden, machine.n_inputs
    codes, wrong = np.arange(1 << n, dtype=np.uint32), np.zeros(1 << n, np.uint16)
    units = [(codes >> np.uint32(k * inputs)) & np.uint32((1 << inputs) - 1) for k in range(h)]
    for row, label in zip(patterns.inputs, patterns.labels, strict=True):
        bits = np.uint32(np.sum((row > 0) << np.arange(inputs)))
        votes = np.zeros(1 << n, np.uint8)
        for unit, sign in zip(units, machine.output_signs, strict=True):
            votes += (2 * np.bitwise_count(unit ^ bits) <= inputs) == (sign > 0)
        wrong += (2 * votes >= h) != (label > 0)
    return np.bincount(wrong, minlength=patterns.n_patterns + 1), np.flatnonzero(wrong == 0)


def counting(machine: Machine, patterns: bl.Patterns) -> None:
    """The error counts alone."""
    for _ in error_counts(machine, patterns):
        pass


def speed(console: Console, machines: list[Machine], sizes: tuple[int, ...], repeat: int) -> None:
    """Weight vectors per second."""
    rate = measure()["logic"]
    table = Table(title="all weight vectors, 1 thread")
    for name in ("H x N", "P", "ours", "counts alone", "bound", "of the bound", "vectors / s", "NumPy", "ratio"):
        table.add_column(name)
    for machine in machines:
        for count in sizes:
            patterns = bl.Patterns.random(count, machine.n_inputs, seed=count)
            found, (energies, codes) = bl.enumerate_solutions(machine, patterns), peer(machine, patterns)
            assert np.array_equal(found.energies, energies), "NumPy finds other energies"
            assert np.array_equal(found.solutions, codes), "NumPy finds other solutions"
            ours, alone = in_turns(
                repeat,
                lambda: bl.enumerate_solutions(machine, patterns),  # noqa: B023
                lambda: counting(machine, patterns),  # noqa: B023
            )
            began = time.perf_counter()
            peer(machine, patterns)
            theirs, mine = time.perf_counter() - began, statistics.median(ours)
            bound = 2**machine.n_weights * (count * (2 * PLANES + 8) / 7 + 3 * 8 * PLANES) / rate
            table.add_row(
                f"{machine.n_hidden} x {machine.n_inputs}", str(count), spread(ours), spread(alone), f"{bound:.3g} s",
                f"{bound / statistics.median(alone):.2f}", f"{2**machine.n_weights / mine:.3g}",
                f"{theirs:.3g} s", f"{theirs / mine:.0f}",
            )  # fmt: skip
    console.print(table)


def _ends(found: bl.Enumeration) -> tuple[bl.Solution, bl.Solution]:
    return found.solution(0), found.solution(found.count - 1)


WORK: dict[str, Callable[[bl.Enumeration], object]] = {
    "enumeration alone": lambda found: None,
    "components": lambda found: found.components,
    "bottleneck, all paths": lambda found: found.bottleneck(*_ends(found)),
    "bottleneck, shortest paths": lambda found: found.bottleneck(*_ends(found), "shortest"),
    "distances of all pairs": lambda found: found.pair_distances(),
}


def _measured(name: str, n: int, p: int) -> tuple[int, float, float]:
    """Solutions, seconds of a second call, and the largest memory of this process in MiB."""
    WORK[name](bl.enumerate_solutions(bl.Perceptron(11), bl.Patterns.random(3, 11, seed=0)))  # compiles
    found = bl.enumerate_solutions(bl.Perceptron(n), bl.Patterns.random(p, n, seed=1))
    began = time.perf_counter()
    WORK[name](found)
    seconds = time.perf_counter() - began
    return found.count, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def graphs(console: Console, cases: list[tuple[int, int]]) -> None:
    """Time and memory of what is asked of solutions, each in a process of its own."""
    table = Table(title="perceptrons; memory is the largest of the process, libraries included")
    for name in ("n, P", "solutions", "", "time", "memory (MiB)"):
        table.add_column(name)
    for n, p in cases:
        for name in WORK:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                count, seconds, memory = pool.apply(_measured, (name, n, p))
            table.add_row(f"{n}, {p}", str(count), name, f"{seconds:.3g} s", f"{memory:.0f}")
    console.print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="sizes of a second")
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    console = Console(width=150)
    if given.tiny:
        speed(console, [bl.Perceptron(12), bl.CommitteeMachine(5, 3)], (7, 24), given.repeat)
        graphs(console, [(14, 7)])
        return
    speed(console, [bl.Perceptron(24), bl.CommitteeMachine(7, 3)], (24, 64, 256), given.repeat)
    graphs(console, [(24, 6), (24, 12), (28, 14)])


if __name__ == "__main__":
    main()
