"""Functions for binary and continuous networks alike: each calls that of the package its first argument is from.

The docstrings here describe the arguments that both kinds take; the functions they name describe the others.
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
    """Train a network with an algorithm.

    Parameters
    ----------
    network : BinaryMLP, BinaryConvNet, MLP, LeNet, VGG16, ResNet20 or ``from_module(...).network``
        The architecture.
    data : Dataset, Patterns or tuple
        Train data; for continuous networks also any pair of arrays or tensors (inputs, labels).
    algorithm : Algorithm
        `SGD`, `RSGD` or `ADV` of deepbridge for binary networks; those of `deepbridge.continuous` or `EntropySGD` for
        continuous ones; or your own.
    seed : int, SeedSequence or Generator
        Fixes everything that is drawn.
    start : tuple of arrays or ContinuousSolution, optional
        Where to begin instead of random weights: latents of each layer for binary networks, a solution for continuous
        ones.
    **options
        device : str or torch.device, default "cpu"; dtype : {"float32", "float64"}, default "float32"; checkpoint :
        path of a file from which an interrupted run goes on; checkpoint_seconds : float, default 300, how often it is
        written; progress : bool, default True, whether to show a bar on a terminal or in a notebook; callback :
        function called with a `binland.TrainingState` after every epoch; if it returns True, the training ends.

    Returns
    -------
    Solution or ContinuousSolution
        The trained weights; a run that has not reached zero error is returned all the same.

    Raises
    ------
    InvalidInputError
        If data, start, algorithm or options do not fit the network, or a continuous training diverges.
    StoreError
        If a checkpoint is damaged or cannot be written.

    See Also
    --------
    deepbridge.binary.training.fit_many, deepbridge.continuous.training.fit_many : all options.

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> solution = db.fit(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=20), seed=0)
    >>> solution.history.shape
    (20,)
    """
    return _of_network(network, "training", "fit")(network, data, algorithm, seed, start, **options)


def fit_many(network: Any, data: Any, algorithm: Any, seeds: Sequence[Any], start: Any = None, **options: Any) -> Any:
    """Train several independent solutions in one batch, one for each seed; faster than one by one on a GPU.

    Parameters
    ----------
    network, data, algorithm, start
        As in `fit`.
    seeds : sequence of int, SeedSequence or Generator
        One seed for each run, at least one.
    **options
        As in `fit`.

    Returns
    -------
    list of Solution or ContinuousSolution
        One for each seed, equal to that of `fit` up to rounding.

    Raises
    ------
    InvalidInputError
        As `fit`, and if there are too many runs.
    StoreError
        As `fit`.

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> len(db.fit_many(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=5), seeds=[0, 1, 2]))
    3
    """
    return _of_network(network, "training", "fit_many")(network, data, algorithm, seeds, start, **options)


def align(solution: Any, to: Any, method: str = "greedy", data: Any = None, **options: Any) -> Any:
    """Move a solution towards another by the symmetries of its network; its function stays the same.

    Binary networks: hidden units are permuted and, where that is exact, reversed. Continuous networks: hidden units are
    permuted; `normalize` both before for the paper's geometry.

    Parameters
    ----------
    solution : Solution or ContinuousSolution
        The solution to move.
    to : Solution or ContinuousSolution
        The reference, of the same network.
    method : {"greedy", "coordinate", "activations"}, default "greedy"
        "greedy": layer by layer from the input, by the overlap of incoming weights (paper, Alg. 2). "coordinate":
        layers in random order, again and again, until nothing improves (Git Re-Basin). "activations": by the
        correlation of what the units put out on `data`.
    data : Dataset, Patterns or tuple, optional
        Needed by "activations", else not used.
    **options
        seed and restarts : int, default 8, of "coordinate"; for continuous networks device.

    Returns
    -------
    Alignment or ContinuousAlignment
        ``.solution`` and ``.permutation``; of binary networks also ``.signs``.

    Raises
    ------
    InvalidInputError
        If the networks differ, the method is unknown, or data are missing or do not fit.

    See Also
    --------
    deepbridge.binary.symmetry.align, deepbridge.continuous.alignment.align : the methods in detail.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.1.2. Ainsworth et al., Git Re-Basin, ICLR 2023.

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> a, b = db.fit_many(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=5), seeds=[0, 1])
    >>> moved = db.align(b, to=a).solution
    >>> db.hamming(a, moved) <= db.hamming(a, b), moved.error(train) == b.error(train)
    (True, True)
    """
    return _of(solution, "symmetry", "alignment", "align")(solution, to, method, data, **options)


def distance(a: Any, b: Any, **options: Any) -> float:
    """Distance of two solutions, as they are: `align` first to remove permutations.

    Binary networks: Hamming distance as a fraction of the weights. Continuous networks: geodesic distance on the
    product of spheres, after normalisation.

    Parameters
    ----------
    a, b : Solution or ContinuousSolution
        Solutions of the same network.
    **options
        For continuous networks batch_norm : {"all", "paper"}, as in `normalize`.

    Returns
    -------
    float
        The distance.

    Raises
    ------
    InvalidInputError
        If the networks differ.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.1.3.

    Examples
    --------
    >>> import deepbridge as db, torch
    >>> net = db.from_module(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 2)),
    ...                      torch.zeros(2, 4))
    >>> db.distance(net, net)
    0.0
    """
    if isinstance(a, ContinuousSolution):
        return float(_of(a, "", "geodesics", "distance")(a, b, **options))
    return float(_of(a, "paths", "", "hamming")(a, b, **options))


def barrier(start: Any, end: Any, data: Any, *arguments: Any, **options: Any) -> Any:
    """Highest train error between two solutions, as they are: `align` first to remove permutations.

    Parameters
    ----------
    start, end : Solution or ContinuousSolution
        Solutions of the same network.
    data : Dataset, Patterns or tuple
        Data on which errors are counted.
    *arguments
        Binary networks: orders, seed, points. Continuous networks: kind.
    **options
        Binary networks: order, device, as in `deepbridge.binary.paths.barrier`. Continuous networks: kind, "geodesic"
        or "linear", and the options of `path`.

    Returns
    -------
    Barrier or float
        Binary networks: barriers on random or guided shortest paths, of which ``.mean`` is the paper's. Continuous
        networks: the highest error on a geodesic or straight line.

    Raises
    ------
    InvalidInputError
        If networks, data or options do not fit.

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> a, b = db.fit_many(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=5), seeds=[0, 1])
    >>> len(db.barrier(a, b, train).samples)
    5
    """
    return _of(start, "paths", "paths", "barrier")(start, end, data, *arguments, **options)


def optimized_path(start: Any, end: Any, data: Any, algorithm: Any = None, seed: Any = 0, **options: Any) -> Any:
    """Path with one bend: a training starts halfway between two solutions, and paths lead to its result.

    Parameters
    ----------
    start, end : Solution or ContinuousSolution
        Solutions of the same network, as they are: `align` first to remove permutations.
    data : Dataset, Patterns or tuple
        Train data.
    algorithm : Algorithm, optional
        How the midpoint is trained; by default the package's `SGD()`.
    seed : int, SeedSequence or Generator, default 0
        Fixes the midpoint and its training and, of binary networks, the orders of flips.
    **options
        points, device; for continuous networks also kind, "geodesic" or "linear", and the options of `path`.

    Returns
    -------
    BentPath
        ``.first``, ``.second``, ``.midpoint``, ``.errors`` and ``.barrier``.

    Raises
    ------
    InvalidInputError
        If networks, data or options do not fit.

    See Also
    --------
    deepbridge.binary.paths.optimized_path, deepbridge.continuous.paths.optimized_path : all options.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 4.2 and appendix B.

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> a, b = db.fit_many(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=5), seeds=[0, 1])
    >>> bend = db.optimized_path(a, b, train, db.SGD(epochs=5))
    >>> bend.barrier >= bend.midpoint.error(train)
    True
    """
    return _of(start, "paths", "paths", "optimized_path")(start, end, data, algorithm, seed, **options)


def optimized_midpoint(start: Any, end: Any, data: Any, algorithm: Any = None, seed: Any = 0, **options: Any) -> Any:
    """The midpoint of `optimized_path`: what a training finds that starts halfway between two solutions.

    Parameters
    ----------
    start, end, data, algorithm, seed
        As in `optimized_path`.
    **options
        device, progress; for continuous networks also kind.

    Returns
    -------
    Solution or ContinuousSolution
        The trained midpoint.

    Raises
    ------
    InvalidInputError
        If networks, data or options do not fit.

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> a, b = db.fit_many(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=5), seeds=[0, 1])
    >>> db.optimized_midpoint(a, b, train, db.SGD(epochs=5)).network == a.network
    True
    """
    return _of(start, "paths", "paths", "optimized_midpoint")(start, end, data, algorithm, seed, **options)


def local_energy(solution: Any, data: Any, *arguments: Any, **options: Any) -> Any:
    """How much the train error rises when weights are perturbed: the flatness of a solution.

    Binary networks: a fraction of the weights is flipped. Continuous networks: every parameter is multiplied by
    1 + sigma z, z standard normal.

    Parameters
    ----------
    solution : Solution or ContinuousSolution
        The solution.
    data : Dataset, Patterns or tuple
        Data on which errors are counted.
    *arguments
        fractions (binary) or sigmas (continuous), realizations, seed.
    **options
        The same by name, and device.

    Returns
    -------
    LocalEnergy or ContinuousLocalEnergy
        ``.mean`` and ``.std`` over the realizations.

    Raises
    ------
    InvalidInputError
        If an argument is out of range or the data do not fit.

    See Also
    --------
    deepbridge.binary.flatness.local_energy, deepbridge.continuous.flatness.local_energy : the definitions.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 4.1 and appendix B.

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> solution = db.fit(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=20), seed=0)
    >>> db.local_energy(solution, train, fractions=[0.0, 0.1], seed=0).samples.shape
    (2, 10)
    """
    return _of(solution, "flatness", "flatness", "local_energy")(solution, data, *arguments, **options)


def plane(first: Any, second: Any, third: Any, data: Any, points: int = 31, margin: float = 0.2, **options: Any) -> Any:
    """Errors on a grid in the plane through three solutions.

    Binary networks: the plane through their latents, where the weights are the signs. Continuous networks: the plane
    through their parameters.

    Parameters
    ----------
    first, second, third : Solution or ContinuousSolution
        Solutions of the same network. The first is the origin, the second lies on the x axis, the third has y > 0.
    data : Dataset, Patterns or tuple
        Data on which errors are counted.
    points : int, default 31
        Grid points along each axis, 2 to 10 000.
    margin : float, default 0.2
        How far the grid extends beyond the solutions, as a fraction of their extent, 0 or more.
    **options
        device; for continuous networks also test and reestimate.

    Returns
    -------
    Plane or ContinuousPlane
        ``.errors`` on the grid, coordinates, and ``.corner_errors``.

    Raises
    ------
    InvalidInputError
        If networks or data do not fit, a binary solution has no latents, or the three lie on one line.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 4.2 and appendix B.

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> three = db.fit_many(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=5), seeds=[0, 1, 2])
    >>> db.plane(*three, train, points=5).errors.shape
    (5, 5)
    """
    return _of(first, "planes", "planes", "plane")(first, second, third, data, points, margin, **options)


def merge(solutions: Sequence[Any], align: str | None = "coordinate", **options: Any) -> Any:
    """One network from several: they are aligned to their common centre and averaged.

    Binary networks: the sign of the mean latents, a majority. Continuous networks: the mean of the parameters.

    Parameters
    ----------
    solutions : sequence of Solution or ContinuousSolution
        At least two, of the same network.
    align : {"coordinate", "greedy", "activations"} or None, default "coordinate"
        How they are aligned; None if they are already.
    **options
        data, seed; for continuous networks also kind, correct, device.

    Returns
    -------
    Solution or ContinuousSolution
        The merged network.

    Raises
    ------
    InvalidInputError
        If there are fewer than two solutions, their networks differ, or an option does not fit.

    See Also
    --------
    deepbridge.binary.merging.merge, deepbridge.continuous.merging.merge : all options.

    References
    ----------
    Ainsworth et al., Git Re-Basin, ICLR 2023 (MergeMany).

    Examples
    --------
    >>> import binland as bl, deepbridge as db
    >>> train = bl.Patterns.random(40, 21, seed=0)
    >>> three = db.fit_many(db.BinaryMLP(21, (11,)), train, db.SGD(epochs=5), seeds=[0, 1, 2])
    >>> db.merge(three).network == three[0].network
    True
    """
    some = isinstance(solutions, (list, tuple)) and len(solutions) > 0
    if not some:
        raise InvalidInputError(f"solutions={shown(solutions)} is not a list of solutions")
    return _of(solutions[0], "merging", "merging", "merge")(solutions, align, **options)


def landscape(network: Any, data: Any, test: Any = None, **options: Any) -> Any:
    """The loss of a network as a function of flat parameters, which `deepbridge.connectivity` explores.

    Continuous networks: the cross-entropy as a function of all parameters; batch-norm statistics are estimated on the
    train data at every point. Binary networks: the cross-entropy of the signs as a function of the latents, with
    straight-through gradients.

    Parameters
    ----------
    network : Network
        The architecture: of a solution ``solution.network``, of your own module ``from_module(...).network``.
    data : Dataset, Patterns or tuple
        Train data; a pair of arrays (inputs, labels) for continuous networks only.
    test : Dataset, Patterns or tuple, optional
        Test data, on which results are measured, too.
    **options
        device : str or torch.device, default "cpu"; dtype : {"float32", "float64"}, default "float32". For continuous
        networks also geometry : {"flat", "toroid"}, default "flat"; on a toroid points are normalised networks and
        lines are geodesics.

    Returns
    -------
    Landscape
        For `deepbridge.connectivity.autoneb` and its other functions.

    Raises
    ------
    InvalidInputError
        If network, data or options do not fit.

    Examples
    --------
    >>> import deepbridge as db, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> data = rng.normal(size=(60, 10)), rng.integers(3, size=60)
    >>> db.landscape(db.MLP(10, (8,), 3), data).size
    115
    """
    continuous = isinstance(network, Network)
    if not continuous and not type(network).__module__.startswith("deepbridge.binary."):
        raise InvalidInputError(
            f"{shown(network)} is not a network: give solution.network, or from_module(module, example).network"
        )
    made = _of_network(network, "landscape", "NetworkLandscape" if continuous else "LatentLandscape")
    return made(network, data, test, **options)


def load_solution(path: str | Path, network: Any = None) -> Any:
    """Read a solution of a deep network from the file that its ``.save`` wrote, bit for bit.

    Nothing in the file is executed and no module is imported because of it. If the algorithm that made the solution is
    not defined in this process, there is a warning and ``.algorithm`` is None. For solutions in the file of a sweep see
    `binland.load_solution`.

    Parameters
    ----------
    path : str or pathlib.Path
        A file written by ``Solution.save`` or ``ContinuousSolution.save``.
    network : Network, optional
        For a module of your own, whose code no file holds: ``db.from_module(module, example_input).network``.

    Returns
    -------
    Solution or ContinuousSolution
        The solution.

    Raises
    ------
    StoreError
        If the file is missing, of another kind or network, or damaged.
    InvalidInputError
        If it does not fit into memory, or the network is needed and not given.

    Examples
    --------
    >>> import binland as bl, deepbridge as db, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "perceptron.safetensors"
    >>> db.Solution(db.BinaryMLP(3, ()), [[[1, -1, 1]]]).save(path)
    >>> db.load_solution(path).flat.tolist()
    [1, -1, 1]
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
