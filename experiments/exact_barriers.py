"""Lowest barriers of small machines, exactly: `python experiments/exact_barriers.py [--tiny] [--instances 200]`.

Two parts, `--only labels` and `--only manifold`.

labels: perceptrons and committee machines of 15 to 23 weights with random labels, of which all weight vectors are
listed. Between two solutions: the lowest barrier over all paths of single flips and over all shortest paths, beside
those of random and guided shortest paths, and of annealed ones from guided, at temperature 1 (the default) and 10
(hot), in errors. uniform: pairs drawn from all solutions, which no algorithm chooses. SGD: pairs that it finds, both
without an error. An instance is a machine, patterns and one pair; hard are those not joined by a shortest path without
an error.

manifold: the Hidden Manifold with the ratios of Figs. 6 and 18, P / D = 3 and N / D = 2 and 4, in sizes of which all
weight vectors can be listed; pairs are what SGD and ADV end with, whatever their errors. Errors above those of the
worse end, which no path can be below: of the exact optimum over shortest paths and of annealed ones, to be compared
with annealed paths at the paper's sizes.

Shares with Wilson's intervals at 95 %, means with standard errors over the instances.
"""

import argparse
import itertools
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table

import binland as bl
from binland.enumeration import Enumeration

SHAPES = {
    "perceptron": [(15, 1), (18, 1), (21, 1), (23, 1)],
    "committee": [(5, 3), (9, 2), (7, 3), (4, 5)],
}
ALPHAS = (0.2, 0.8)  # patterns per weight, drawn between them
TRIES = 20  # trainings by SGD
BUDGET = 20_000  # flips of an annealed order
ORDERS = {
    "random": "random",
    "guided": "guided",
    "annealed": bl.Annealed(budget=BUDGET),
    "hot": bl.Annealed(budget=BUDGET, temperature=10.0),
}
FIRST = 1000  # instance: the temperature was chosen on those before
NAMES = ("all", "shortest", *ORDERS)
RATIOS = (2, 4)  # N / D
MANIFOLD = [(15, 1), (19, 1), (23, 1), (27, 1), (5, 3), (7, 3), (9, 3), (5, 5)]
ALGORITHMS: dict[str, bl.SGD | bl.ADV] = {
    "SGD": bl.SGD(epochs=200, batch_size=5),
    "ADV": bl.ADV(epochs=200, pretrain_epochs=200, batch_size=5),
}
Pair = tuple[bl.Solution, bl.Solution] | None


def machine_of(n_inputs: int, n_hidden: int) -> bl.Perceptron | bl.CommitteeMachine:
    """One unit is a perceptron."""
    return bl.Perceptron(n_inputs) if n_hidden == 1 else bl.CommitteeMachine(n_inputs, n_hidden)


def instance(kind: str, k: int, largest: int) -> Enumeration:
    """Machine and patterns, with all solutions."""
    rng = np.random.default_rng([k, *kind.encode()])
    shapes = [shape for shape in SHAPES[kind] if shape[0] * shape[1] <= largest]
    n_inputs, n_hidden = shapes[k % len(shapes)]
    machine = machine_of(n_inputs, n_hidden)
    count = max(1, round(rng.uniform(*ALPHAS) * machine.n_weights))
    return bl.enumerate_solutions(machine, bl.Patterns.random(count, n_inputs, rng))


def uniform(found: Enumeration, k: int) -> Pair:
    """Two different solutions of all."""
    if found.count < 2:
        return None
    a, b = np.random.default_rng([k, 1]).choice(found.count, 2, replace=False)
    return found.solution(int(a)), found.solution(int(b))


def by_sgd(found: Enumeration, k: int) -> Pair:
    """The first two different solutions that SGD finds."""
    algorithm = bl.SGD(epochs=200, batch_size=5, stop_at_zero_error=True)
    tried = (bl.fit(found.machine, found.patterns, algorithm, TRIES * k + t) for t in range(TRIES))
    solved: dict[int, bl.Solution] = {}
    for solution in tried:
        if solution.error_count(found.patterns) == 0:
            solved[found.code(solution)] = solution
        if len(solved) == 2:
            first, second = solved.values()
            return first, second
    return None


def heights(found: Enumeration, pair: tuple[bl.Solution, bl.Solution], k: int) -> list[int]:
    """Highest number of errors on a path of each kind, in the order of NAMES."""
    exact = [found.bottleneck(*pair, paths) for paths in ("all", "shortest")]
    drawn = [bl.shortest_path(*pair, found.patterns, k, order) for order in ORDERS.values()]
    return [int(path.error_counts.max()) for path in (*exact, *drawn)]


def measured(kind: str, draw: Callable[[Enumeration, int], Pair], count: int, largest: int) -> np.ndarray:
    """(count, NAMES) errors, of the first instances that have a pair."""
    rows, k = [], FIRST
    while len(rows) < count and k < FIRST + 10 * count:
        found = instance(kind, k, largest)
        pair = draw(found, k)
        if pair is not None:
            rows.append(heights(found, pair, k))
        k += 1
    return np.array(rows).reshape(-1, len(NAMES))


def above_the_ends(shape: tuple[int, int], latent: int, algorithm: bl.SGD | bl.ADV, count: int) -> np.ndarray:
    """(count, 4): flips; errors above the worse end on the lowest shortest path, an annealed and a random one."""
    n_inputs, n_hidden = shape
    machine = machine_of(n_inputs, n_hidden)
    rows = []
    for k in range(count):
        train = bl.HiddenManifold(n_inputs, latent, seed=k).sample(3 * latent, seed=k)
        found = bl.enumerate_solutions(machine, train)
        start, end = (bl.fit(machine, train, algorithm, seed) for seed in (2 * k, 2 * k + 1))
        annealed, drawn = (bl.shortest_path(start, end, train, k, ORDERS[name]) for name in ("annealed", "random"))
        straight = found.bottleneck(start, end, "shortest")
        worse = max(start.error_count(train), end.error_count(train))
        rows.append([straight.length, *(int(path.error_counts.max()) - worse for path in (straight, annealed, drawn))])
    return np.array(rows)


def manifold(count: int, shapes: list[tuple[int, int]]) -> Table:
    """Lowest barriers in sizes that can be listed."""
    table = Table(title=f"Hidden Manifold, {count} instances: errors above those of the worse end")
    names = ("N x H", "D", "P", "pairs of", "flips", "lowest", "annealed", "random")
    for name in (*names, "lowest = worse end, %", "annealed = lowest, %"):
        table.add_column(name)
    for n_inputs, n_hidden in shapes:
        for latent, (label, algorithm) in itertools.product((round(n_inputs / r) for r in RATIOS), ALGORITHMS.items()):
            rows = above_the_ends((n_inputs, n_hidden), latent, algorithm, count)
            lowest, annealed = rows[:, 1], rows[:, 2]
            shares = (wilson(int(fact.sum()), count) for fact in (lowest == 0, annealed == lowest))
            machine = (f"{n_inputs} x {n_hidden}", str(latent), str(3 * latent), label, f"{rows[:, 0].mean():.1f}")
            table.add_row(*machine, *(mean_and_error(column) for column in rows[:, 1:].T), *shares)
    return table


def wilson(successes: int, trials: int, z: float = 1.96) -> str:
    """A share in % with its interval."""
    if trials == 0:
        return "-"
    share, spread = successes / trials, 1 + z**2 / trials
    middle = (share + z**2 / (2 * trials)) / spread
    half = z * np.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2) / spread
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return f"{100 * share:.1f} ({100 * low:.1f} - {100 * high:.1f})"


def mean_and_error(values: np.ndarray) -> str:
    """Over instances."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():.3f} +- {error:.3f}" if len(values) else "-"


def tables(results: dict[str, np.ndarray]) -> list[Table]:
    """Heights, and shares that reach the lowest."""
    high, share = Table(title="highest number of errors on a path"), Table(title="share of the instances, in %")
    for name in ("pairs", "instances", "all paths", "shortest", *ORDERS):
        high.add_column(name)
    columns = (
        "no barrier on a shortest path",
        "detours are lower",
        *(f"{name} = lowest" for name in ORDERS),
    )
    for name in ("pairs", "instances", *columns):
        share.add_column(name)
    for name, rows in results.items():
        lowest = rows[:, 1]
        high.add_row(name, str(len(rows)), *(mean_and_error(column) for column in rows.T))
        facts = [lowest == 0, rows[:, 0] < lowest, *(rows[:, 2:] == lowest[:, None]).T]
        share.add_row(name, str(len(rows)), *(wilson(int(fact.sum()), len(rows)) for fact in facts))
    return [high, share]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="sizes of a second")
    parser.add_argument("--instances", type=int, default=200, help="of each kind of machine and pair")
    parser.add_argument("--only", choices=("labels", "manifold"), help="one of the two parts")
    given = parser.parse_args()
    count, largest = (4, 15) if given.tiny else (given.instances, 23)
    console = Console(width=150)
    if given.only != "manifold":
        results: dict[str, np.ndarray] = {}
        for kind in SHAPES:
            for name, draw in (("uniform", uniform), ("SGD", by_sgd)):
                results[f"{kind}, {name}"] = measured(kind, draw, count, largest)
        together = np.concatenate([*results.values()])
        results["together"], results["together, hard"] = together, together[together[:, 1] > 0]
        for table in tables(results):
            console.print(table)
    if given.only != "labels":
        shapes = [(n, h) for n, h in MANIFOLD if not given.tiny or n * h <= largest]
        console.print(manifold(count, shapes))


if __name__ == "__main__":
    main()
