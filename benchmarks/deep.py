"""deepbridge beside loops in PyTorch: `python benchmarks/deep.py [--tiny] [--repeat 5] [--device cpu] [--threads 1]`.

--only errors looks: some of the tables walks, errors, replicas, looks.

Paths and local energies: all points as one batch, against a loop that sets the weights of each point and evaluates the
network in float32. Replicas: one batch of 5, against a loop over 5 replicas, each a module trained by autograd and
torch.optim, and against our own training of one replica after the other. One network: `error_count` beside one forward
pass in float32. Looks: trainings that count the errors after every epoch, beside the same ones that never do before
the end. Both sides run on the same device with the same number of threads, in one process, taking turns; times are
medians. Errors of both sides are checked to be equal.
"""

import argparse
import math
import statistics

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn import functional
from turns import in_turns, ratio, spread

import deepbridge as db
from deepbridge.binary.networks import Network
from deepbridge.binary.paths import POINTS
from deepbridge.binary.straight_through import straight_through

FRACTIONS = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2]


class Loop:
    """What one would write: float32 images on the device, one evaluation per point."""

    def __init__(self, network: Network, data: db.Dataset, device: str):
        self.network, self.device = network, device
        self.x = torch.tensor(data.inputs, device=device).float()
        self.classes = torch.tensor(data.classes, device=device)

    def errors(self, weights: np.ndarray) -> int:
        """Errors of flat weights."""
        x, layers = self.x, self.network.layers
        for k, part in enumerate(self.network.split(weights)):
            w = torch.tensor(part, device=self.device).float()
            x = functional.max_pool2d(functional.conv2d(x, w), layers[k].pool) if w.dim() == 4 else x.flatten(1) @ w.T
            if k < len(layers) - 1:
                x = torch.where(x >= 0, 1.0, -1.0)
        predicted = (x[:, 0] >= 0).long() if x.shape[1] == 1 else x.argmax(dim=1)
        return int((predicted != self.classes).sum())

    def along(self, start: np.ndarray, flips: np.ndarray, ends: np.ndarray) -> list[int]:
        """Errors at every point of a walk."""
        weights, done, counts = start.copy(), 0, []
        for end in ends:
            weights[flips[done:end]] *= -1
            done = end
            counts.append(self.errors(weights))
        return counts


def measure_walks(network: Network, data: db.Dataset, repeat: int, device: str) -> list[tuple[str, float, float]]:
    """A path of POINTS points and a local energy of one realisation: seconds of ours and of the loop."""
    rng = np.random.default_rng(0)
    a, b = (
        db.Solution(network, [np.where(rng.random(shape) < 0.5, -1, 1) for shape in network.weight_shapes])
        for _ in range(2)
    )
    loop = Loop(network, data, device)
    path = db.shortest_path(a, b, data, seed=0, device=device)
    assert loop.along(a.flat, path.flipped, path.steps) == path.error_counts.tolist()
    n = network.n_weights
    ends = np.array([0] + [round(f * n) for f in FRACTIONS])
    order = rng.permutation(n)[: ends[-1]]
    rows = []
    for name, ours, theirs in (
        (
            f"path, {POINTS} points",
            lambda: db.shortest_path(a, b, data, seed=0, device=device),
            lambda: loop.along(a.flat, path.flipped, path.steps),
        ),
        (
            f"local energy, {len(FRACTIONS)} fractions",
            lambda: db.local_energy(a, data, FRACTIONS, 1, seed=0, device=device),
            lambda: loop.along(a.flat, order, ends),
        ),
    ):
        rows.append((name, *map(statistics.median, in_turns(repeat, ours, theirs))))
    return rows


class Module(nn.Module):
    """A binary network as a module of autograd."""

    def __init__(self, network: Network, drawn: torch.Generator):
        super().__init__()
        self.network = network
        self.latents = nn.ParameterList(
            nn.Parameter(
                (2 * torch.rand(*layer.weight_shape, generator=drawn) - 1)
                * math.sqrt(6 / (layer.fan_in + layer.fan_out))
            )
            for layer in network.layers
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits of a mini-batch."""
        for k, latent in enumerate(self.latents):
            w = straight_through(latent, math.inf)
            x = functional.linear(x, w) / math.sqrt(w.shape[1])
            if k < len(self.latents) - 1:
                x = straight_through(x, 1.0)
        return x


def module_epoch(
    modules: list[Module], data: db.Dataset, device: str, batch: int = 100, coupling: float = 0.002
) -> None:
    """One epoch of replicated SGD, replica after replica."""
    x = torch.tensor(data.inputs, device=device).float().flatten(1) * data.scale
    y = torch.tensor(data.classes, device=device)
    optimizers = [torch.optim.SGD(module.parameters(), lr=1.0) for module in modules]
    orders = [torch.randperm(len(y), device=device).split(batch) for _ in modules]
    for batches in zip(*orders, strict=True):
        for module, optimizer, index in zip(modules, optimizers, batches, strict=True):
            z = module(x[index])
            loss = (
                functional.binary_cross_entropy_with_logits(z[:, 0], y[index].float())
                if z.shape[1] == 1
                else functional.cross_entropy(z, y[index])
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            for same in zip(*(module.latents for module in modules), strict=True):
                mean = sum(same) / len(same)
                for latent in same:
                    latent.clamp_(-1, 1).sub_(coupling * (latent - mean))


def measure_replicas(network: Network, data: db.Dataset, repeat: int, device: str) -> tuple[float, float, float]:
    """Seconds of an epoch of 5 replicas: one batch, a loop over modules, ours one after the other."""
    epochs = 30  # so that the start, which the loop has behind it, does not count
    rsgd = db.RSGD(epochs=epochs, learning_rate=1.0, history_every=10**6)
    sgd = db.SGD(epochs=epochs, learning_rate=1.0, history_every=10**6)
    modules = [Module(network, torch.Generator().manual_seed(k)).to(device) for k in range(5)]
    seconds = in_turns(
        repeat,
        lambda: db.fit(network, data, rsgd, seed=0, device=device),
        lambda: [module_epoch(modules, data, device) for _ in range(epochs)],
        lambda: [db.fit(network, data, sgd, seed=k, device=device) for k in range(5)],
    )
    batch, loop, single = (statistics.median(taken) / epochs for taken in seconds)
    return batch, loop, single


def measure_errors(network: Network, data: db.Dataset, repeat: int, device: str) -> tuple[list[float], list[float]]:
    """Seconds of the errors of one network: ours and one forward pass in float32."""
    rng = np.random.default_rng(0)
    solution = db.Solution(network, [np.where(rng.random(shape) < 0.5, -1, 1) for shape in network.weight_shapes])
    loop = Loop(network, data, device)
    assert loop.errors(solution.flat) == solution.error_count(data)
    ours, theirs = in_turns(repeat, lambda: solution.error_count(data), lambda: loop.errors(solution.flat))
    return ours, theirs


def measure_looks(
    network: Network, data: db.Dataset, kind: type[db.SGD], runs: int, epochs: int, repeat: int, device: str
) -> tuple[list[float], list[float]]:
    """Seconds of an epoch of a fit that counts its errors after each, and of one that counts them at the end."""

    def fitted(every: int) -> object:
        algorithm = kind(epochs=epochs, learning_rate=1.0, history_every=every)
        return db.fit_many(network, data, algorithm, list(range(runs)), device=device)

    looks, none = in_turns(repeat, lambda: fitted(1), lambda: fitted(10**6))
    return [s / epochs for s in looks], [s / epochs for s in none]


def cases(tiny: bool) -> tuple[list[tuple[str, Network, db.Dataset]], list[tuple[str, Network, db.Dataset]]]:
    """Networks and images for walks and for training; noise of the images' sizes, on which cost does not depend."""
    rng = np.random.default_rng(0)

    def noise(shape: tuple[int, ...], count: int, classes: int) -> db.Dataset:
        drawn = rng.integers(classes, size=count)
        return db.Dataset.from_real(rng.normal(size=(count, *shape)), 2 * drawn - 1 if classes == 2 else drawn, classes)

    if tiny:
        digits = noise((64,), 200, 10)
        small = [("digits, 21-21", db.BinaryMLP(64, (21, 21), 10), digits)]
        return [
            *small,
            ("convnet", db.BinaryConvNet((1, 12, 12), (3, 4), (5,), 10, 3, 2), noise((1, 12, 12), 20, 10)),
        ], small
    mnist, fashion, cifar = noise((784,), 10_000, 2), noise((784,), 5000, 10), noise((3, 32, 32), 1000, 10)
    walks = [
        ("MNIST parity, 201-201, P = 10000", db.BinaryMLP(784, (201, 201)), mnist),
        ("Fashion-MNIST, 3 x 1001, P = 5000", db.BinaryMLP(784, (1001,) * 3, 10), fashion),
        ("CIFAR-10, convnet 20-50-3 x 2001, P = 1000", db.BinaryConvNet(), cifar),
    ]
    train = noise((784,), 2000, 2)
    replicas = [
        ("digits, 21-21, P = 1297", db.BinaryMLP(64, (21, 21), 10), noise((64,), 1297, 10)),
        *((f"MNIST parity, {h}-{h}, P = 2000", db.BinaryMLP(784, (h, h)), train) for h in (21, 51, 101, 201)),
    ]
    return walks, replicas


def errors_table(arguments: argparse.Namespace) -> Table:
    """One network's errors."""
    table = Table("network", "ours", "float32", "ratio", title=f"errors of one network ({arguments.device})")
    walks, _ = cases(arguments.tiny)
    rng = np.random.default_rng(0)
    if not arguments.tiny:
        digits = db.Dataset.from_real(rng.normal(size=(10_000, 784)), rng.integers(10, size=10_000), 10)
        walks = [
            ("MNIST parity, 101-101, P = 10000", db.BinaryMLP(784, (101, 101)), walks[0][2]),
            ("MNIST, 101-101-10, P = 10000", db.BinaryMLP(784, (101, 101), 10), digits),
            *walks,
        ]
    for name, network, data in walks:
        ours, theirs = measure_errors(network, data, arguments.repeat, arguments.device)
        table.add_row(name, spread(ours), spread(theirs), ratio(theirs, ours))
    return table


def looks_table(arguments: argparse.Namespace) -> Table:
    """What it costs to count the errors after every epoch."""
    table = Table("network", "fit", "an epoch with", "without", "share", title=f"looks ({arguments.device})")
    _, trained = cases(arguments.tiny)
    kept = trained if arguments.tiny else [trained[0], trained[3]]
    rng = np.random.default_rng(0)
    side, count = (16, 20) if arguments.tiny else (28, 500)
    images = db.Dataset.from_real(rng.normal(size=(count, 1, side, side)), rng.integers(10, size=count), 10)
    for name, network, data in [*kept, ("convnet 5-10-51", db.BinaryConvNet((1, side, side), (5, 10), (51,)), images)]:
        for kind, runs in ((db.SGD, 1), (db.SGD, 4), (db.RSGD, 1)):
            epochs = 2 if arguments.tiny else 10
            looks, none = measure_looks(network, data, kind, runs, epochs, arguments.repeat, arguments.device)
            share = statistics.median((a - b) / a for a, b in zip(looks, none, strict=True))
            table.add_row(name, f"{kind.__name__}, seeds: {runs}", spread(looks), spread(none), f"{share:.1%}")
    return table


def walks_table(arguments: argparse.Namespace) -> Table:
    """Errors along walks."""
    title = f"errors along walks: one batch and a loop over points ({arguments.device})"
    table = Table("network", "work", "ours", "loop over points", "ratio", title=title)
    for name, network, data in cases(arguments.tiny)[0]:
        for work, ours, loop in measure_walks(network, data, arguments.repeat, arguments.device):
            table.add_row(name, work, f"{ours:.3g} s", f"{loop:.3g} s", f"{loop / ours:.1f}")
    return table


def replicas_table(arguments: argparse.Namespace) -> Table:
    """Epochs of replicas."""
    columns = "network", "ours", "loop over modules", "ratio", "ours, one after the other", "ratio"
    title = f"an epoch of 5 replicas: one batch and loops over replicas ({arguments.device})"
    table = Table(*columns, title=title)
    for name, network, data in cases(arguments.tiny)[1]:
        batch, loop, single = measure_replicas(network, data, arguments.repeat, arguments.device)
        cells = f"{batch:.3g} s", f"{loop:.3g} s", f"{loop / batch:.1f}", f"{single:.3g} s", f"{single / batch:.1f}"
        table.add_row(name, *cells)
    return table


TABLES = {"walks": walks_table, "errors": errors_table, "replicas": replicas_table, "looks": looks_table}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="deepbridge beside loops in PyTorch")
    parser.add_argument("--tiny", action="store_true", help="small sizes: that it works, not how fast")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=list(TABLES), choices=list(TABLES))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    console = Console(width=150)
    for name in arguments.only:
        console.print(TABLES[name](arguments))


if __name__ == "__main__":
    main()
