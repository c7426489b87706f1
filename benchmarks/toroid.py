"""Continuous networks beside loops in PyTorch: `python benchmarks/toroid.py [--tiny] [--repeat 5] [--device cpu]
[--only evaluation replicas matching]`.

evaluation: train errors at 25 points of a line, all together, against a loop that loads the weights of each point into
a module and evaluates batches of 1000 patterns; errors of both are checked to be equal. The bound is that of the
products: a line's first layer is computed twice, not 25 times. replicas: a training of RSGD's 5 replicas in one batch,
set-up included, against a loop of modules with torch.optim. matching: our coordinate descent, one start and eight,
against a plain twin of Git Re-Basin's weight matching and the package `rebasin` (pip install rebasin; left out where it
is not): squared distance, barrier of the straight line, time, on the same trained pairs. One thread, one process,
taking turns; medians. Images are Fashion-MNIST if BINLAND_DATA names its folder, else noise of its size.
"""

import argparse
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.optimize import linear_sum_assignment
from torch import nn
from turns import in_turns, ratio, spread

import deepbridge as db
from deepbridge.continuous.evaluation import scores
from deepbridge.continuous.examples import as_examples
from deepbridge.continuous.geodesics import euclidean, line_between
from deepbridge.continuous.networks import Network

POINTS = 25
BATCH = 1000  # patterns of the loop
EPOCHS = 5
CPU = torch.device("cpu")


def images(shape: tuple[int, ...], per_class: int) -> db.Dataset:
    """Fashion-MNIST or CIFAR-10 as they are, or noise."""
    if "BINLAND_DATA" in os.environ:
        name, options = ("fashion-mnist", {}) if shape[0] == 1 else ("cifar10", {"batches": (1,)})
        return db.load(name, per_class=per_class, test_per_class=1, **options)[0]
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=10 * per_class)
    return db.Dataset.from_real(rng.normal(size=(len(labels), *shape)), labels, 10)


def evaluation(tiny: bool, repeat: int, device: str) -> Table:
    """A line at 25 points."""
    table = Table("network", "images", "together", "loop", "loop / together", "bound", title="errors at 25 points")
    place = torch.device(device)
    for name, network, shape, count in cases(tiny):
        data = images(shape, count)
        a, b = (db.ContinuousSolution(network, network.initial(seed)) for seed in (0, 1))
        examples = as_examples(network, data).to(place, torch.float32)
        line = line_between(a, b, np.linspace(0, 1, POINTS).tolist(), "geodesic")
        modules = [a.at(line.state(k)).to_module().to(place) for k in range(POINTS)]
        single = network.module().to(place).eval()

        def together(network: Network = network, line: Any = line, examples: Any = examples) -> np.ndarray:
            return scores(network, line, examples, place).errors

        def loop(modules: Any = modules, single: Any = single, examples: Any = examples) -> np.ndarray:
            found = []
            with torch.no_grad():
                for module in modules:
                    single.load_state_dict(module.state_dict())
                    parts = zip(examples.inputs.split(BATCH), examples.classes.split(BATCH), strict=True)
                    found.append(sum(int((single(x).argmax(1) != y).sum()) for x, y in parts))
            return np.array(found)

        if network.has_batch_norm:
            line = line_between(a, b, np.linspace(0, 1, POINTS).tolist(), "linear")
        apart = int(np.abs(together() - loop()).max())
        assert apart <= 2, f"errors differ by {apart}: more than outputs that are equal up to rounding explain"
        ours, theirs = in_turns(repeat, together, loop)
        table.add_row(name, str(len(examples)), spread(ours), spread(theirs), ratio(theirs, ours), bound(network))
    return table


def bound(network: Network) -> str:
    """Products of the loop over those of a line, whose first layer is computed for its two ends only."""
    counts: dict[str, int] = {}

    def count(name: str) -> Any:
        def hook(module: Any, inputs: Any, output: torch.Tensor) -> None:
            counts[name] = module.weight.numel() * output[0, 0].numel()

        return hook

    kinds = (nn.Linear, nn.Conv2d)
    hooks = [
        module.register_forward_hook(count(name))
        for name, module in network.template.named_modules()
        if isinstance(module, kinds)
    ]
    network.template(network.example)
    for hook in hooks:
        hook.remove()
    every, first = sum(counts.values()), counts[network.entrance]
    return f"{every / (every - first + 2 / POINTS * first):.2f}"


def cases(tiny: bool) -> Iterator[tuple[str, Network, tuple[int, ...], int]]:
    """Networks and numbers of images of each class."""
    if tiny:
        yield "MLP 2 x 16", db.MLP(784, (16, 16)), (1, 28, 28), 5
        yield "LeNet 3-4", db.LeNet(filters=(3, 4), hidden=(8,)), (1, 28, 28), 2
        return
    yield "MLP 2 x 64", db.MLP(784, (64, 64)), (1, 28, 28), 600
    yield "MLP 2 x 192", db.MLP(784, (192, 192)), (1, 28, 28), 600
    yield "MLP 2 x 512", db.MLP(784, (512, 512)), (1, 28, 28), 600
    yield "LeNet 20-50-500", db.LeNet(), (1, 28, 28), 50
    yield "VGG16, 16 filters", db.VGG16(16), (3, 32, 32), 5


def replicas(tiny: bool, repeat: int, device: str) -> Table:
    """Epochs of five replicas."""
    table = Table(
        "network", "images", "batch of 5", "loop of 5 modules", "loop / batch", title=f"{EPOCHS} epochs of 5 replicas"
    )
    every: list[tuple[str, Network, int]] = [
        (f"MLP {width}-{width}", db.MLP(784, (width, width)), 5 if tiny else 200)
        for width in ((16,) if tiny else (16, 64, 192, 512))
    ]
    for name, network, per_class in [*every, *([] if tiny else [("LeNet 20-50-500", db.LeNet(), 20)])]:
        data = images((1, 28, 28), per_class)
        place = torch.device(device)
        examples = as_examples(network, data).to(place, torch.float32)
        rsgd = db.continuous.RSGD(epochs=EPOCHS, learning_rate=0.01, history_every=10)
        modules = [network.module().to(place) for _ in range(rsgd.replicas)]

        def batch(network: Network = network, data: db.Dataset = data, rsgd: Any = rsgd) -> None:
            db.fit(network, data, rsgd, seed=0, device=device, progress=False)

        def loop(modules: Any = modules, examples: Any = examples) -> None:
            for _ in range(EPOCHS):
                train_loop(modules, examples.inputs, examples.classes)

        ours, theirs = in_turns(repeat, batch, loop)
        table.add_row(name, str(len(examples)), spread(ours), spread(theirs), ratio(theirs, ours))
    return table


def train_loop(modules: Sequence[nn.Module], inputs: torch.Tensor, classes: torch.Tensor) -> None:
    """One epoch of replicas that are pulled to their mean, one after the other, as one would write it."""
    made = [torch.optim.SGD(one.parameters(), lr=0.01, momentum=0.9, nesterov=True) for one in modules]
    orders = [torch.randperm(len(classes)).split(128) for _ in modules]
    for batches in zip(*orders, strict=True):
        with torch.no_grad():
            same = zip(*(one.parameters() for one in modules), strict=True)
            means = [torch.stack(list(tensors)).mean(0) for tensors in same]
        for module, optimizer, batch in zip(modules, made, batches, strict=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(inputs[batch]), classes[batch]).backward()
            for tensor, mean in zip(module.parameters(), means, strict=True):
                tensor.grad += 0.02 * (tensor.detach() - mean)
            optimizer.step()


def matching(tiny: bool, repeat: int, device: str) -> Table:
    """Pairs of trained networks, aligned by each."""
    table = Table(
        "method", "squared distance", "barrier (%)", "time", title="coordinate matching, means over pairs, +- std"
    )
    data = images((1, 28, 28), 5 if tiny else 200)
    network, sgd = db.MLP(784, (16, 16) if tiny else (128, 128)), db.continuous.SGD(epochs=2 if tiny else 30)
    found = db.fit_many(network, data, sgd, range(3), progress=False)
    pairs = [(found[0], found[1]), (found[1], found[2]), (found[2], found[0])]
    ways = {
        "not aligned": lambda b, a: b,
        "greedy": lambda b, a: db.align(b, a).solution,
        "coordinate, 1 start": lambda b, a: db.align(b, a, "coordinate", restarts=1).solution,
        "coordinate, 8 starts": lambda b, a: db.align(b, a, "coordinate", restarts=8).solution,
        "plain twin": plain_twin,
        **peers(),
    }
    for name, way in ways.items():
        moved = [way(b, a) for a, b in pairs]
        squares = [euclidean(a, b) ** 2 for (a, _), b in zip(pairs, moved, strict=True)]
        barriers = [100 * db.barrier(a, b, data, "linear") for (a, _), b in zip(pairs, moved, strict=True)]
        (seconds,) = in_turns(repeat, lambda way=way: [way(b, a) for a, b in pairs])
        each = [taken / len(pairs) for taken in seconds]
        table.add_row(name, with_std(squares), with_std(barriers), spread(each))
    return table


def with_std(values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    return f"{np.mean(values):.4g} +- {np.std(values, ddof=1):.2g}"


def plain_twin(b: db.ContinuousSolution, a: db.ContinuousSolution) -> db.ContinuousSolution:
    """Git Re-Basin's weight matching (Alg. 1) of a multi-layer perceptron in NumPy, from the identity."""
    layers = ("1", "3", "5")
    A, B = ([one.state[f"{k}.weight"].double().numpy() for k in layers] for one in (a, b))
    x, y = ([one.state[f"{k}.bias"].double().numpy() for k in layers] for one in (a, b))
    first, second = (np.arange(len(A[k])) for k in (0, 1))
    rng = np.random.default_rng(0)
    changed = True
    while changed:
        changed = False
        for k in rng.permutation(2):
            if k == 0:
                table = A[0] @ B[0].T + np.outer(x[0], y[0]) + A[1].T @ B[1][second]
                new = linear_sum_assignment(table, maximize=True)[1]
                gain = table[np.arange(len(new)), new].sum() - table[np.arange(len(new)), first].sum()
                first = new if gain > 1e-9 else first
            else:
                table = A[1] @ B[1][:, first].T + np.outer(x[1], y[1]) + A[2].T @ B[2]
                new = linear_sum_assignment(table, maximize=True)[1]
                gain = table[np.arange(len(new)), new].sum() - table[np.arange(len(new)), second].sum()
                second = new if gain > 1e-9 else second
            changed |= gain > 1e-9
    state = dict(b.state)
    state["1.weight"], state["1.bias"] = b.state["1.weight"][first], b.state["1.bias"][first]
    state["3.weight"], state["3.bias"] = b.state["3.weight"][second][:, first], b.state["3.bias"][second]
    state["5.weight"] = b.state["5.weight"][:, second]
    return b.moved(state)


def peers() -> dict[str, Any]:
    """The package `rebasin`, if it is installed."""
    try:
        from rebasin import PermutationCoordinateDescent
    except ImportError:
        return {}

    def rebasin(b: db.ContinuousSolution, a: db.ContinuousSolution) -> db.ContinuousSolution:
        reference, moving = a.to_module(), b.to_module()
        PermutationCoordinateDescent(reference, moving, torch.zeros(2, 784)).rebasin()
        return b.moved({name: tensor.detach().clone() for name, tensor in moving.state_dict().items()})

    return {"rebasin": rebasin}


PARTS = {"evaluation": evaluation, "replicas": replicas, "matching": matching}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    console = Console(width=120)
    console.print(
        f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread, {given.device}"
    )
    for part in given.only:
        console.print(PARTS[part](given.tiny, given.repeat, given.device))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
