"""Barriers and midpoints beside those of Git Re-Basin and REPAIR: `python experiments/midpoints.py [--tiny]
[--only mlp mlp-bn vgg] [--pairs 1]`.

Pairs of solutions of SGD on the tasks of these papers, as large as a CPU can train: multi-layer perceptrons 3 x 512 on
the 60 000 images of MNIST (Git Re-Basin: no barrier; 100 epochs there, 10 here), the same with batch-norm (REPAIR:
accuracy of the midpoint 81 -> 95 %), VGG16 with batch-norm and a quarter of the filters on 5000 CIFAR-10 images
(REPAIR: VGG11 67 -> 85 %). For each alignment: the rise of the train loss on the line (Git Re-Basin's barrier; 25
points, 9 for VGG16), and the test accuracy of the midpoint with averaged batch-norm statistics and with re-estimated
ones or, without batch-norm, as it is and corrected as in REPAIR. Also: whether a planted permutation is undone by one
descent. Images are found as `db.load` finds them; --tiny takes scikit-learn's digits.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

import deepbridge as db
from deepbridge.continuous.units import permuted

METHODS = (None, "greedy", "coordinate", "activations")
CLASSES = 10


def perceptron(inputs: int, widths: tuple[int, ...], batch_norm: bool) -> Any:
    """Hidden layers with or without batch-norm, as a module of one's own."""
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in zip((inputs, *widths), widths, strict=False):
        layers += [nn.Linear(before, after), *([nn.BatchNorm1d(after)] if batch_norm else []), nn.ReLU()]
    return db.from_module(nn.Sequential(*layers, nn.Linear(widths[-1], CLASSES)), torch.zeros(2, inputs)).network


def cases(tiny: bool) -> Iterator[tuple[str, str, Any, Any, dict[str, Any]]]:
    """Short name, name, network, algorithm, what to load."""
    data: dict[str, Any]
    images, inputs, width, epochs, data = "MNIST", 784, 512, 10, {"name": "mnist"}
    if tiny:
        images, inputs, width, epochs = "digits", 64, 16, 5
        data = {"name": "digits", "per_class": 20, "test_per_class": 10}
    sgd = db.continuous.SGD(epochs=epochs, history_every=5)
    for short, batch_norm, ending in (("mlp", False, ""), ("mlp-bn", True, ", batch-norm")):
        yield short, f"{images}, 3 x {width}{ending}", perceptron(inputs, (width,) * 3, batch_norm), sgd, data
    if tiny:
        return
    cifar = {"name": "cifar10", "batches": [1], "per_class": 500, "test_per_class": 400}
    sgd = db.continuous.SGD(epochs=20, learning_rate=0.05, history_every=5)
    yield "vgg", "CIFAR-10, VGG16 with 16 filters", db.VGG16(16), sgd, cifar


def row(a: Any, b: Any, train: Any, test: Any, method: Any) -> list[float]:
    """Rise of the loss on the line; accuracies of the midpoint as it is and corrected, in percent."""
    moved = b if method is None else db.align(b, to=a, method=method, data=train).solution
    middle = db.merge([a, moved], None)
    correct = "statistics" if a.network.has_batch_norm else "repair"
    corrected = db.merge([a, moved], None, data=train, correct=correct)
    points = 9 if isinstance(a.network, db.VGG16) else 25
    found = [db.path(a, moved, train, "linear", points).ainsworth]
    return found + [100 * (1 - one.error(test)) for one in (middle, corrected)]


def planted(one: Any) -> bool:
    """Whether coordinate descent from the identity undoes a random permutation of all units."""
    state, units = one.state, one.network.units
    for k, name in enumerate(units.names):
        rng = torch.Generator().manual_seed(k)
        state = permuted(units, state, name, torch.randperm(units.sizes[name], generator=rng))
    found = db.align(one.moved(state), to=one, method="coordinate", restarts=1).solution.state
    return all(torch.equal(found[key], tensor) for key, tensor in one.state.items())


def shown(values: Any, digits: int) -> str:
    """Mean, and standard deviation where there are several."""
    several = f" +- {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{several}"


def main() -> None:
    """A table for each network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=("mlp", "mlp-bn", "vgg"), default=["mlp", "mlp-bn", "vgg"])
    given = parser.parse_args()
    for short, name, network, algorithm, data in cases(given.tiny):
        if short not in given.only:
            continue
        train, test = db.load(seed=0, **data)
        found = db.fit_many(network, train, algorithm, range(2 * given.pairs), progress=False)
        pairs = list(zip(found[::2], found[1::2], strict=True))
        parents = [shown([100 * (1 - one.error(part)) for one in found], 2) for part in (train, test)]
        title = f"{name}, {train.n_patterns} images; parents: train {parents[0]}, test {parents[1]} % correct"
        table = Table("alignment", "rise of the loss", "midpoint: test (%)", "corrected: test (%)", title=title)
        for method in METHODS:
            columns = zip(*(row(a, b, train, test, method) for a, b in pairs), strict=True)
            table.add_row(method or "none", *(shown(c, d) for c, d in zip(columns, (4, 2, 2), strict=True)))
        console = Console(width=120)
        console.print(table)
        console.print(f"a planted permutation is undone: {planted(found[0])}")


if __name__ == "__main__":
    main()
