"""The words that binary and continuous networks share: each goes to the package of its first argument.

What is said here are the arguments that both take; each package's function says the rest, and whose papers it follows.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from binland.checks import checked_path
from binland.errors import InvalidInputError, shown
from deepbridge.continuous.networks import Network
from deepbridge.continuous.solutions import ContinuousSolution


def fit(network: Any, data: Any, algorithm: Any, seed: Any, start: Any = None, **options: Any) -> Any:
    """Train a network: a solution of it.

    network: BinaryMLP or BinaryConvNet (see `deepbridge.binary.training.fit`), or MLP, LeNet, VGG16, ResNet20 or the
    .network of `from_module` (see `deepbridge.continuous.training.fit`). data: a Dataset; for continuous networks any
    pair of arrays (inputs, labels) too. algorithm: `SGD`, `RSGD`, `ADV` of deepbridge for binary networks, those of
    `deepbridge.continuous` and `EntropySGD` for continuous ones. start: weights to begin with. options: device, dtype,
    checkpoint, checkpoint_seconds, progress, callback.
    """
    return _of_network(network, "training", "fit")(network, data, algorithm, seed, start, **options)


def fit_many(network: Any, data: Any, algorithm: Any, seeds: Sequence[Any], start: Any = None, **options: Any) -> Any:
    """Independent runs, one per seed, trained in one batch; otherwise as `fit`."""
    return _of_network(network, "training", "fit_many")(network, data, algorithm, seeds, start, **options)


def align(solution: Any, to: Any, method: str = "greedy", data: Any = None, **options: Any) -> Any:
    """Move a solution towards another by the symmetries of its network; its function stays.

    method: "greedy" (paper, Alg. 2), "coordinate" (Git Re-Basin) or "activations", for which data are needed. options:
    seed, restarts of the coordinate descent. The result has .solution and .permutation. See
    `deepbridge.binary.symmetry.align` and `deepbridge.continuous.alignment.align`.
    """
    return _of(solution, "symmetry", "alignment", "align")(solution, to, method, data, **options)


def distance(a: Any, b: Any, **options: Any) -> float:
    """Geodesic distance of continuous networks (`deepbridge.continuous.geodesics.distance`), Hamming distance as a
    fraction of the weights of binary ones; neither aligns.
    """
    if isinstance(a, ContinuousSolution):
        return float(_of(a, "", "geodesics", "distance")(a, b, **options))
    return float(_of(a, "paths", "", "hamming")(a, b, **options))


def barrier(start: Any, end: Any, data: Any, *arguments: Any, **options: Any) -> Any:
    """Highest train error between two solutions: of binary networks a `Barrier` of random or guided shortest paths
    (`deepbridge.binary.paths.barrier`), of continuous ones a number, on a geodesic or a straight line
    (`deepbridge.continuous.paths.barrier`).
    """
    return _of(start, "paths", "paths", "barrier")(start, end, data, *arguments, **options)


def optimized_path(start: Any, end: Any, data: Any, algorithm: Any = None, seed: Any = 0, **options: Any) -> Any:
    """Path with one bend: the middle of two solutions starts a training, and paths lead to what it ends at.

    See `deepbridge.binary.paths.optimized_path` and `deepbridge.continuous.paths.optimized_path`.
    """
    return _of(start, "paths", "paths", "optimized_path")(start, end, data, algorithm, seed, **options)


def optimized_midpoint(start: Any, end: Any, data: Any, algorithm: Any = None, seed: Any = 0, **options: Any) -> Any:
    """The solution that a training finds from the middle of two others; see `optimized_path`."""
    return _of(start, "paths", "paths", "optimized_midpoint")(start, end, data, algorithm, seed, **options)


def local_energy(solution: Any, data: Any, *arguments: Any, **options: Any) -> Any:
    """How much the train error rises when weights change: a fraction of them flips in binary networks
    (`deepbridge.binary.flatness.local_energy`: fractions, realizations, seed), all get multiplicative Gaussian noise in
    continuous ones (`deepbridge.continuous.flatness.local_energy`: sigmas, realizations, seed).
    """
    return _of(solution, "flatness", "flatness", "local_energy")(solution, data, *arguments, **options)


def plane(first: Any, second: Any, third: Any, data: Any, points: int = 31, margin: float = 0.2, **options: Any) -> Any:
    """Errors in the plane through three solutions; see `deepbridge.binary.planes.plane` and
    `deepbridge.continuous.planes.plane`.
    """
    return _of(first, "planes", "planes", "plane")(first, second, third, data, points, margin, **options)


def merge(solutions: Sequence[Any], align: str | None = "coordinate", **options: Any) -> Any:
    """One network from several, aligned to their common centre: the mean of continuous weights
    (`deepbridge.continuous.merging.merge`), the majority of binary ones (`deepbridge.binary.merging.merge`).
    """
    some = isinstance(solutions, (list, tuple)) and len(solutions) > 0
    if not some:
        raise InvalidInputError(f"solutions={shown(solutions)} is not a list of solutions")
    return _of(solutions[0], "merging", "merging", "merge")(solutions, align, **options)


def load_solution(path: str | Path, network: Any = None) -> Any:
    """The solution that `.save` wrote, to the last bit; of a sweep's file: `binland.load_solution`.

    network: of a module of your own, `db.from_module(module, example_input).network`; else nothing. An algorithm that
    is not defined here gives a warning, and .algorithm is None: nothing in a file is executed, no module is imported
    for it. Raises StoreError on a file that is missing, foreign or damaged, InvalidInputError beyond this machine's
    memory, or without a network that is needed.
    """
    from deepbridge.continuous import solution_file

    path = checked_path("path", path)
    if network is not None or solution_file.is_continuous(path):
        return solution_file.load_solution(path, network, behind=2)
    return import_module("deepbridge.binary.archive").load_solution(path, behind=2)


def _of_network(network: object, module: str, name: str) -> Any:
    """The function of the package that a network is of."""
    package = "continuous" if isinstance(network, Network) else "binary"
    return getattr(import_module(f"deepbridge.{package}.{module}"), name)


def _of(solution: object, binary: str, continuous: str, name: str) -> Any:
    """The function of the package that a solution is of, in the module that it has there."""
    if isinstance(solution, ContinuousSolution):
        return getattr(import_module(f"deepbridge.continuous.{continuous}"), name)
    return getattr(import_module(f"deepbridge.binary.{binary}"), name)
