"""Deep binary networks as a family of sweeps, `[model] kind = "mlp"` or `"convnet"`.

torch is imported only when something is computed: checking a configuration and reading results do not need it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

import deepbridge as db
from binland.families.binary import BinaryFamily
from binland.orders import Annealed, Guide
from binland.results import Barrier, Path
from binland.rng import Seed
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.family import Arrays
from binland.sweep.contracts.problem import Inputs, Limit
from binland.sweep.contracts.section import ModelSection, Positive
from binland.volumes import HammingVolume, checked_distances, errors_below
from deepbridge.binary.algorithms import ADV, RSGD, SGD, is_built_in
from deepbridge.binary.networks import BinaryConvNet, BinaryMLP, Network
from deepbridge.common.data import Dataset
from deepbridge.common.family import OnDevice, TorchFamily

if TYPE_CHECKING:
    from deepbridge.binary.planes import Plane
    from deepbridge.binary.solutions import Solution

WALKS = 1  # number of the way random walks are drawn; a new number gives tasks new names
GUIDES = 2  # number of the way gains are computed and flips postponed
LARGEST_NETWORK = 10**9  # weights, of all replicas


class DeepModel(ModelSection):
    """Settings of [model]: fully connected layers of `width` units, after convolutions if it is a convnet."""

    kind: Literal["mlp", "convnet"] = Field(description="the model; decides what the other keys are")
    width: Positive = Field(title="H", description="units of a fully connected hidden layer")
    n_hidden_layers: Annotated[int, Field(ge=0, le=100, title="L", description="fully connected hidden layers")] = 3
    filters: list[Positive] = Field(
        [20, 50], min_length=1, description="of a convnet: filters of each convolution, which come before the rest"
    )
    filter_size: Positive = Field(5, description="side of a filter")
    pool: Positive = Field(2, description="side of a pool")

    @model_validator(mode="after")
    def _convolutions_fit(self) -> "DeepModel":
        for key in ("filters", "filter_size", "pool"):
            if self.kind != "convnet" and getattr(self, key) != DeepModel.model_fields[key].default:
                raise ValueError(f'{key} = {getattr(self, key)} is for kind = "convnet" only; remove it')
        return self


class DeepCompute(OnDevice):
    """[compute]: where, and in which type; errors are the same everywhere, training is not."""

    dtype: Literal["float32", "float64"] = Field("float32", description="number type of training")


class Deep(TorchFamily[DeepModel], BinaryFamily[DeepModel]):
    """Multi-layer perceptrons and convolutional networks."""

    kinds = ("mlp", "convnet")
    Settings = DeepModel
    Compute = DeepCompute
    algorithms = {"RSGD": RSGD, "SGD": SGD, "ADV": ADV}  # noqa: RUF012
    default_algorithms = ("RSGD", "SGD", "ADV")
    in_disorder = ("width",)

    def takes(self, settings: DeepModel, inputs: Inputs) -> None:
        """Inputs have to fit the layers: (N,), or (channels, height, width)."""
        if len(inputs.shape) not in (1, 3):
            raise ValueError(
                f"model.kind = {settings.kind!r} takes inputs of shape (N,) or (channels, height, width), not"
                f" {inputs.shape}; reshape them"
            )
        network(settings, inputs)

    def build(self, settings: DeepModel, inputs: Inputs, seed: Callable[..., np.random.SeedSequence]) -> Network:
        """The network."""
        return network(settings, inputs)

    def fit(self, model: Network, data: Dataset, algorithm: Algorithm, seed: Seed, compute: DeepCompute) -> "Solution":
        """Train by `db.fit`; an algorithm with its own `fit` chooses its own device."""
        where = compute.model_dump() if is_built_in(algorithm) else {}
        return db.fit(model, data, algorithm, seed, **where, progress=False)

    def n_weights(self, settings: DeepModel, inputs: Inputs) -> int:
        """Number of weights of all layers."""
        return network(settings, inputs).n_weights

    def weights(self, solution: "Solution") -> NDArray[np.int8]:
        """All weights, layer by layer, row-major."""
        return solution.flat

    def latent_weights(self, solution: "Solution") -> NDArray[np.float32] | None:
        """All latents, layer by layer, row-major."""
        if solution.latents is None:
            return None
        return np.concatenate([layer.reshape(-1) for layer in solution.latents])

    def decode(self, model: Network, arrays: Arrays, algorithm: Algorithm | None = None) -> "Solution":
        """A solution from its flat arrays, with all ties +1 as `fit` gives it."""
        weights, latents = self.unpacked(arrays, model.n_weights)
        layers = None if latents is None else model.split(latents)
        return db.Solution(model, model.split(weights), layers, (), self.history(arrays), None, algorithm)

    def stream_key(self, purpose: str, measure: Any, compute: DeepCompute) -> dict[str, Any]:
        """How walks are drawn; for training also device and type."""
        if purpose in ("fit", "midpoint"):
            return compute.model_dump()
        ordered = purpose in ("guided", "lowest")
        return {"draws": WALKS, "guided": self.guided_defaults()} if ordered else {"draws": WALKS}

    def limits(self, settings: DeepModel, inputs: Inputs, algorithms: Sequence[Algorithm]) -> list[Limit]:
        """Number of weights, of all replicas."""
        replicas = max(getattr(algorithm, "replicas", 1) for algorithm in algorithms)
        weights = replicas * self.n_weights(settings, inputs)
        return [(weights, "weights", "grid.width, model and replicas", LARGEST_NETWORK)]

    def summary(self, settings: DeepModel) -> str:
        """The layers, in words."""
        filters = f"filters {'-'.join(map(str, settings.filters))}, " if settings.kind == "convnet" else ""
        return f"{filters}{settings.n_hidden_layers} hidden layers"

    def warm_up(self) -> None:
        """Compile every kernel of a sweep once (or load it), so that workers only load."""
        for one in (BinaryMLP(9, (3,), 3), BinaryConvNet((1, 6, 6), (2, 2), (2,), 3, 2, 1)):
            data = Dataset(np.ones((2, *one.input_shape), np.int16), np.array([0, 2]), 3)
            solution = db.fit(one, data, SGD(epochs=1, learning_rate=1.0), 0)
            db.local_energy(solution, data, [0.5], 1)
            db.shortest_path(solution, db.fit(one, data, SGD(epochs=1), 1), data, order="guided")
        perceptron = BinaryMLP(3, ())
        data = Dataset(np.ones((2, 3), np.int16), np.array([1, -1]), 2)
        db.fit(perceptron, data, SGD(epochs=1, learning_rate=1.0), 0)

    # Verbs

    def align(self, solution: "Solution", to: "Solution") -> "Solution":
        """The aligned solution of `db.align`."""
        return db.align(solution, to).solution

    def distance(self, a: "Solution", b: "Solution") -> float:
        """Hamming distance, `db.hamming`."""
        return db.hamming(a, b)

    def local_energy(
        self,
        solution: "Solution",
        train: Dataset,
        fractions: Sequence[float],
        realizations: int,
        seed: Seed,
        compute: DeepCompute,
    ) -> NDArray[np.float64]:
        """Samples of `db.local_energy`."""
        return db.local_energy(solution, train, fractions, realizations, seed, device=compute.device).samples

    def shortest_paths(
        self,
        start: "Solution",
        end: "Solution",
        train: Dataset,
        orders: int,
        seed: Seed,
        points: Any,
        compute: DeepCompute,
    ) -> Barrier:
        """Barriers on random shortest paths, `db.barrier`."""
        return db.barrier(start, end, train, orders, seed, points, device=compute.device)

    def guided_defaults(self) -> dict[str, Any]:
        """Default settings of guided orders and the number of their code; a new number gives tasks new names."""
        return {"code": GUIDES, **{key: value for key, value in vars(db.Guided()).items() if key != "guide"}}

    def guided_path(
        self,
        start: "Solution",
        end: "Solution",
        train: Dataset,
        options: Mapping[str, Any],
        guide: Guide | None,
        points: int,
        compute: DeepCompute,
    ) -> Path:
        """A guided path of `db.shortest_path`."""
        order = db.Guided(**options, guide=guide)
        return db.shortest_path(start, end, train, points=points, order=order, device=compute.device)

    def lowest_path(
        self,
        start: "Solution",
        end: "Solution",
        train: Dataset,
        options: Mapping[str, Any],
        seed: Seed,
        compute: DeepCompute,
    ) -> Path:
        """An annealed path of `db.shortest_path` that starts from a guided one, with the errors after every flip."""
        order = Annealed(**options)
        return db.shortest_path(start, end, train, seed, "all", order=order, device=compute.device)

    def trained_from(
        self, solution: "Solution", train: Dataset, algorithm: Algorithm, seed: Seed, compute: DeepCompute
    ) -> "Solution":
        """A training that starts at a solution: at its latents or, without any, at its weights at the initial size."""
        from deepbridge.binary.paths import latents_to_begin

        latents = latents_to_begin(solution, algorithm)
        where = compute.model_dump() if is_built_in(algorithm) else {}
        return db.fit(solution.network, train, algorithm, seed, latents, **where, progress=False)

    def midpoint(
        self,
        start: "Solution",
        end: "Solution",
        train: Dataset,
        algorithm: Algorithm,
        seed: Seed,
        compute: DeepCompute,
    ) -> "Solution":
        """The midpoint of `db.optimized_path`."""
        return db.optimized_midpoint(start, end, train, algorithm, seed, device=compute.device, progress=False)

    def aligned(
        self,
        solution: "Solution",
        to: "Solution",
        method: Any,
        train: Dataset,
        restarts: int,
        seed: Seed,
        compute: DeepCompute,
    ) -> "Solution":
        """The aligned solution of `db.align`, by a method."""
        from deepbridge.binary.symmetry import align

        return align(solution, to, method, train, seed=seed, restarts=restarts).solution

    def landscape(
        self, model: Network, train: Dataset, test: Dataset, compute: DeepCompute, geometry: str = "flat"
    ) -> Any:
        """The landscape of `db.landscape`, of the latents; it is always flat."""
        from deepbridge.binary.landscape import LatentLandscape

        return LatentLandscape(model, train, test, device=compute.device)

    def connected(
        self, landscape: Any, start: "Solution", end: "Solution", path: Any, seed: Seed, settings: Any
    ) -> Any:
        """A path of `db.connectivity` by the settings [measure.curves], with values at evenly spaced places."""
        from deepbridge.connectivity.connecting import connected

        return connected(landscape, start, end, path, seed, settings)

    def plane(self, solutions: Sequence["Solution"], train: Dataset, points: int, compute: DeepCompute) -> "Plane":
        """Errors in a plane, `db.plane`."""
        a, b, c = solutions
        return db.plane(a, b, c, train, points, device=compute.device)

    def hamming_volumes(
        self,
        solution: "Solution",
        train: Dataset,
        fractions: Sequence[float],
        max_errors: Sequence[float],
        realizations: int,
        confidence: float,
        seed: Seed,
        compute: DeepCompute,
    ) -> list[HammingVolume]:
        """Volumes of `db.hamming_volume`, one for each of max_errors."""
        from deepbridge.binary.volumes import sampled_volumes

        distances = checked_distances(fractions, solution.network.n_weights)
        most = [errors_below(one, train.n_patterns) for one in max_errors]
        return sampled_volumes(solution, train, distances, most, realizations, seed, confidence, compute.device)


DEEP = Deep()


def network(settings: DeepModel, inputs: Inputs) -> Network:
    """The network with these settings for such inputs."""
    hidden, outputs = (settings.width,) * settings.n_hidden_layers, 1 if inputs.n_classes == 2 else inputs.n_classes
    if settings.kind == "mlp":
        return BinaryMLP(int(np.prod(inputs.shape)), hidden, outputs)
    if len(inputs.shape) != 3:
        raise ValueError(f'model.kind = "convnet" takes images, not inputs of shape {inputs.shape}')
    return BinaryConvNet(inputs.shape, tuple(settings.filters), hidden, outputs, settings.filter_size, settings.pool)
