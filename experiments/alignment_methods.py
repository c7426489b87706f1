"""Which unit is which, by three criteria, in deep binary networks: `python experiments/alignment_methods.py [--tiny]
[--pairs 4]`.

Independent pairs of solutions of SGD, 2000 images each of MNIST (parity, 2 x 101) and Fashion-MNIST (3 x 101): Hamming
distance, barrier on random shortest paths (51 points, 3 orders, train and test error), and errors of the merged pair,
raw, greedy, by coordinate descent and by activations. Means and standard errors over the pairs, and paired differences
to greedy, since the pairs are the same. Images are found as `db.load` finds them; --tiny takes scikit-learn's digits.
"""

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import deepbridge as db
from binland.rng import generator

METHODS = (None, "greedy", "coordinate", "activations")
COLUMNS = ("Hamming distance", "train barrier (%)", "test barrier (%)", "merged: train (%)", "merged: test (%)")


def cases(tiny: bool) -> list[tuple[str, db.BinaryMLP, db.SGD, dict[str, object]]]:
    """Data, network, algorithm, what to load."""
    if tiny:
        digits = {"name": "digits", "per_class": 10, "test_per_class": 5}
        return [("digits, 2 x 15", db.BinaryMLP(64, (15, 15), 10), db.SGD(epochs=5), digits)]
    parity = {"name": "mnist", "task": "parity", "per_class": 200}
    fashion = {"name": "fashion-mnist", "per_class": 200}
    return [
        ("MNIST parity, 2 x 101", db.BinaryMLP(784, (101, 101)), db.SGD(epochs=100, history_every=10), parity),
        ("Fashion-MNIST, 3 x 101", db.BinaryMLP(784, (101,) * 3, 10), db.SGD(epochs=300, history_every=10), fashion),
    ]


def measured(a: db.Solution, b: db.Solution, train: db.Dataset, test: db.Dataset, method: str | None) -> list[float]:
    """A row of COLUMNS for one pair."""
    moved = b if method is None else db.align(b, a, method, train).solution
    merged = db.merge([a, moved], None)
    both = [
        np.mean([db.barrier(*ends, data, 3, k).mean for k, ends in enumerate(((a, moved), (moved, a)))])
        for data in (train, test)
    ]
    return [
        db.hamming(a, moved),
        *(100 * float(one) for one in both),
        100 * merged.error(train),
        100 * merged.error(test),
    ]


def shown(values: np.ndarray) -> list[str]:
    """Mean and standard error of each column of (pairs, columns)."""
    mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return [f"{m:.4g} +- {e:.2g}" for m, e in zip(mean, error, strict=True)]


def table_of(name: str, rows: dict[str | None, np.ndarray], parents: Sequence[float]) -> Table:
    """Means, then paired differences to greedy."""
    title = f"{name}; parents: train {100 * parents[0]:.3g} %, test {100 * parents[1]:.3g} %"
    table = Table("method", *COLUMNS, title=title)
    for method, values in rows.items():
        table.add_row(method or "raw", *shown(values))
    table.add_section()
    for method in METHODS[2:]:
        table.add_row(f"{method} - greedy", *shown(rows[method] - rows["greedy"]))
    return table


def main() -> None:
    """Print a table for each kind of images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--pairs", type=int, default=4)
    given = parser.parse_args()
    torch.set_num_threads(1)
    pairs = 2 if given.tiny else given.pairs
    for name, network, algorithm, data in cases(given.tiny):
        train, test = db.load(seed=0, **data)  # type: ignore[arg-type]
        seeds = generator(0, name).spawn(2 * pairs)
        found = db.fit_many(network, train, algorithm, seeds, progress=False)
        couples = list(zip(found[::2], found[1::2], strict=True))
        rows = {m: np.array([measured(a, b, train, test, m) for a, b in couples]) for m in METHODS}
        parents = [float(np.mean([one.error(part) for one in found])) for part in (train, test)]
        Console(width=140).print(table_of(name, rows, parents))


if __name__ == "__main__":
    main()
