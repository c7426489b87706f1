"""Controls of guided paths: `python experiments/guided_controls.py [--tiny] [--only labels vectors typical teacher]`.

labels: a guide that knows shuffled labels. vectors: paths between random weight vectors. typical: all solutions of
small perceptrons with random labels are listed and pairs of them drawn at random, which no algorithm chooses; the
lowest barrier of all shortest paths beside that of guided and of random orders. teacher: a teacher, who is a typical
solution of the labels it gives, and what SGD finds from them, near the first-order transition at P / N = 1.25, beyond
which the teacher is alone. +- is the standard error over samples.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

import binland as bl
from binland.guided import Surrogate

PAIRS = 5


def committee(sample: int, n: int, d: int, p: int, h: int) -> tuple[bl.CommitteeMachine, bl.Patterns, bl.Patterns]:
    """A machine, its patterns and others of the same Hidden Manifold."""
    manifold = bl.HiddenManifold(n, d, seed=sample)
    return (
        bl.CommitteeMachine(n, h),
        manifold.sample(p, seed=sample + 1000),
        manifold.sample(10_000, seed=sample + 2000),
    )


def labels(console: Console, sizes: tuple[int, int, int, int], samples: list[int]) -> None:
    """Train errors in % on paths between solutions of SGD."""
    rows: dict[str, list[float]] = {"random": [], "guided, nothing put back": [], "the same, with shuffled labels": []}
    for sample in samples:
        machine, train, _ = committee(sample, *sizes)
        a, b = (bl.fit(machine, train, bl.SGD(), seed=10 * sample + k) for k in range(2))
        shuffled = bl.Patterns(train.inputs, np.random.default_rng(sample).permutation(train.labels))

        def misled(here, places, _, shuffled=shuffled):
            return Surrogate(here, shuffled, bl.Guided()).gains(places)

        orders = ("random", bl.Guided(candidates=1), bl.Guided(candidates=1, guide=misled))
        for found, order in zip(rows.values(), orders, strict=True):
            found.append(100 * bl.barrier(a, b, train, order=order).mean)
    table = Table("paths", "barrier", title=f"N, D, P, H = {sizes}, {len(samples)} samples: train errors in %")
    for name, found in rows.items():
        table.add_row(name, mean_and_error(found, ".2f"))
    console.print(table)


def vectors(console: Console, sizes: tuple[int, int, int, int], samples: list[int]) -> None:
    """A guided path between two random weight vectors, in %."""
    names = "error, ends", "first zero", "last zero", "error, middle", "test error, middle", "energy at 5 %, middle"
    rows = []
    for sample in samples:
        machine, train, test = committee(sample, *sizes)
        rng = np.random.default_rng(sample)
        a, b = (bl.Solution(machine, rng.choice(np.array([-1, 1], np.int8), machine.weight_shape)) for _ in range(2))
        path = bl.shortest_path(a, b, train, order="guided")
        middle, zeros = path.solution(0.5), np.flatnonzero(path.errors == 0) / path.length
        energy = bl.local_energy(middle, train, [0.05], seed=0).mean[0]
        span = (zeros.min(), zeros.max()) if len(zeros) else (np.nan, np.nan)
        rows.append((a.error(train), *span, middle.error(train), middle.error(test), energy))
    table = Table("", "%", title=f"random weight vectors, N, D, P, H = {sizes}, {len(samples)} samples")
    for name, found in zip(names, 100 * np.array(rows).T, strict=True):
        table.add_row(name, mean_and_error(found.tolist(), ".2f"))
    console.print(table)


def mean_and_error(values: list[float], form: str) -> str:
    """Over samples."""
    if not values:
        return "-"
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):{form}} +- {error:{form}}"


def typical(console: Console, n: int, alphas: list[float], samples: int) -> None:
    """Highest number of errors on paths between solutions drawn uniformly."""
    table = Table(title=f"perceptron, random labels, N = {n}, {samples} samples, {PAIRS} pairs: errors on the way")
    for name in ("P / N", "samples with two solutions", "solutions", "alone", "exact", "guided", "random"):
        table.add_column(name)
    for alpha in alphas:
        p, columns = round(alpha * n), {name: [] for name in ("solutions", "alone", "exact", "guided", "random")}
        for sample in range(samples):
            rng = np.random.default_rng([n, p, sample])
            x, labels = rng.choice(np.array([-1, 1], np.int8), (p, n)), rng.choice(np.array([-1, 1], np.int8), p)
            patterns, machine = bl.Patterns(x, labels), bl.Perceptron(n)
            found = bl.enumerate_solutions(machine, patterns)
            if found.count < 2:
                continue
            heights = {name: [] for name in ("exact", "guided", "random")}
            for _ in range(PAIRS):
                two = rng.choice(found.solutions, 2, replace=False)
                a, b = (bl.Solution(machine, weights) for weights in found.weights(two))
                if np.count_nonzero(a.weights != b.weights) > 20:
                    continue  # more than the exact order takes
                for name, values in heights.items():
                    values.append(bl.barrier(a, b, patterns, order=name).mean * p)
            columns["solutions"].append(found.count)
            columns["alone"].append(100 * np.count_nonzero(found.components == 1) / found.count)
            for name, values in heights.items():
                columns[name].append(float(np.mean(values)))
        cells = (mean_and_error(columns[name], ".2f") for name in ("alone", "exact", "guided", "random"))
        count = f"{np.median(columns['solutions']):.0f}" if columns["solutions"] else "-"
        table.add_row(f"{p / n:.2f}", str(len(columns["alone"])), count, *cells)
    console.print(table)


def teacher(console: Console, n: int, alphas: list[float], samples: int, epochs: int) -> None:
    """Errors in % on guided paths between a teacher and what SGD finds."""
    table = Table(title=f"perceptron, teacher, N = {n}, {samples} samples: errors in %")
    for name in ("P / N", "SGD", "distance", "guided", "at 5 % of the flips", "random"):
        table.add_column(name)
    for alpha in alphas:
        p, columns = round(alpha * n), {name: [] for name in ("SGD", "distance", "guided", "near", "random")}
        for sample in range(samples):
            problem, machine = bl.Teacher(n, seed=sample), bl.Perceptron(n)
            there, patterns = bl.Solution(machine, problem.teacher), problem.sample(p, seed=sample)
            here = bl.fit(machine, patterns, bl.SGD(epochs=epochs, stop_at_zero_error=True), sample)
            path = bl.shortest_path(there, here, patterns, order="guided")
            columns["SGD"].append(100 * here.error(patterns))
            columns["distance"].append(100 * bl.hamming(there, here))
            columns["guided"].append(100 * path.barrier)
            columns["near"].append(100 * path.errors[round(0.05 * path.length)])
            columns["random"].append(100 * bl.barrier(there, here, patterns).mean)
        table.add_row(f"{p / n:.2f}", *(mean_and_error(found, ".2f") for found in columns.values()))
    console.print(table)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="sizes of a second")
    parser.add_argument("--only", nargs="+", default=["labels", "vectors", "typical", "teacher"])
    given = parser.parse_args()
    console, tiny = Console(width=130), given.tiny
    sizes, samples = ((101, 51, 153, 11), [200, 201]) if tiny else ((1001, 501, 1503, 101), [200, 201, 202, 203])
    if "labels" in given.only:
        labels(console, sizes, samples)
    if "vectors" in given.only:
        vectors(console, sizes, samples)
    if "typical" in given.only:
        typical(console, 11 if tiny else 25, [0.4] if tiny else [0.2, 0.4, 0.6, 0.72, 0.84], 2 if tiny else 40)
    if "teacher" in given.only:
        teacher(console, *((51, [1.0], 2, 20) if tiny else (1001, [0.5, 0.8, 1.0, 1.2, 1.4, 1.6], 8, 1000)))


if __name__ == "__main__":
    main()
