"""Exact mean errors beside sampled ones: `python benchmarks/closed_forms.py [--tiny] [--repeat 2]`.

A curve of 51 points between two solutions, in closed form; and random orders by `shortest_path`, as many as are needed
for a standard error of 1e-4 (a pattern in ten thousand) where it is largest, which is what figures need at least: their
number is estimated from some, their time is that of one path times the number. The same for local energies, at
fractions of flips from 0.1 to 50 %: time per fraction, and realisations of all of them. One thread; medians.
"""

import argparse
import platform
import statistics

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits
from turns import in_turns, spread

import binland as bl

WANTED = 1e-4
FRACTIONS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.5)


def cases(tiny: bool) -> list[tuple[bl.Perceptron | bl.CommitteeMachine, bl.Patterns]]:
    """The paper's sizes."""
    sizes = [(101, 1), (51, 11)] if tiny else [(1001, 1), (4001, 1), (1001, 101), (2001, 101)]
    d, p = (51, 153) if tiny else (501, 1503)
    return [
        (bl.Perceptron(n) if h == 1 else bl.CommitteeMachine(n, h), bl.HiddenManifold(n, d, seed=0).sample(p, seed=1))
        for n, h in sizes
    ]


def local_energies(machine: bl.Perceptron | bl.CommitteeMachine, train: bl.Patterns, repeat: int) -> list[list[str]]:
    """Lines of the second table: one for each fraction of flips, exactly so many of them, and with that probability."""
    solution = bl.fit(machine, train, bl.SGD(epochs=30), seed=0)
    sampled = bl.local_energy(solution, train, FRACTIONS, 100, seed=0)
    needed = np.ceil((sampled.std / WANTED) ** 2)
    with threadpool_limits(1):
        (realisation,) = in_turns(repeat, lambda: bl.local_energy(solution, train, FRACTIONS, 100, seed=0))
        lines = []
        for fraction, orders in zip(FRACTIONS, needed, strict=True):
            counted, drawn = in_turns(
                repeat,
                lambda: bl.local_energy(solution, train, [fraction], method="exact"),  # noqa: B023
                lambda: bl.local_energy(solution, train, [fraction], method="exact", flips="independent"),  # noqa: B023
            )
            one = f"{10 * statistics.median(realisation):.3g} ms", f"{orders:.0f}"
            size = f"{machine.n_inputs}, {machine.n_hidden}, {train.n_patterns}"
            lines.append([size, f"{fraction:.1%}", spread(counted), spread(drawn), *one])
    return lines


def main() -> None:
    """Check, time, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="sizes of a second")
    parser.add_argument("--repeat", type=int, default=2)
    given = parser.parse_args()
    energies = Table(title=f"local energies with set-up; realisations for a standard error of {WANTED:g}")
    for name in ("N, H, P", "flips", "closed form", "the same, independent", "a sampled realisation", "needed"):
        energies.add_column(name)
    table = Table(title=f"mean errors on random shortest paths, 51 points; orders for a standard error of {WANTED:g}")
    for name in ("N, H, P", "flips", "closed form", "a sampled order", "orders needed", "sampled / exact", "largest z"):
        table.add_column(name)
    count = 30 if given.tiny else 200
    for machine, train in cases(given.tiny):
        a, b = (bl.fit(machine, train, bl.SGD(epochs=30), seed) for seed in (0, 1))
        with threadpool_limits(1):
            exact_time, order_time = in_turns(
                given.repeat,
                lambda a=a, b=b, train=train: bl.expected_path(a, b, train),
                lambda a=a, b=b, train=train: bl.barrier(a, b, train, orders=5),
            )
        exact = bl.expected_path(a, b, train)
        counts = np.array([bl.shortest_path(a, b, train, seed).error_counts[exact.steps] for seed in range(count)])
        varied = np.ptp(counts, axis=0) > 1
        width = counts[:, varied].std(axis=0, ddof=1)
        z = np.abs(counts.mean(axis=0) - exact.error_counts)[varied] / width * np.sqrt(count)
        orders = int(np.ceil((width.max() / train.n_patterns / WANTED) ** 2))
        one = statistics.median(order_time) / 5
        ratio = one * orders / statistics.median(exact_time)
        cells = spread(exact_time), f"{1e3 * one:.3g} ms", str(orders), f"{ratio:.2g}", f"{z.max():.1f}"
        table.add_row(f"{machine.n_inputs}, {machine.n_hidden}, {train.n_patterns}", str(exact.length), *cells)
        for line in local_energies(machine, train, 3 * given.repeat):
            energies.add_row(*line)
    console = Console(width=150)
    console.print(f"{platform.processor() or platform.machine()}, NumPy {np.__version__}, one thread")
    console.print(table)
    console.print(energies)


if __name__ == "__main__":
    main()
