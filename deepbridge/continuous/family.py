"""Continuous networks as a family of sweeps, `[model] kind = "continuous-mlp"`, `"lenet"` or `"vgg16"`.

torch is imported only when something is computed: checking a configuration and reading results do not need it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from binland.rng import Seed
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.family import Arrays
from binland.sweep.contracts.problem import Inputs, Limit
from binland.sweep.contracts.section import ModelSection, Positive
from binland.sweep.contracts.variable import Coordinate, Variable
from deepbridge.common.data import Dataset
from deepbridge.common.family import OnDevice, TorchFamily
from deepbridge.continuous.algorithms import ADV, KINDS, RSGD, SGD, EntropySGD

if TYPE_CHECKING:
    from deepbridge.continuous.networks import Network
    from deepbridge.continuous.solutions import ContinuousSolution

LARGEST_NETWORK = 10**9  # weights, of all replicas
PATH = 1  # number of the way errors on lines are counted; a new number gives tasks new names


class ContinuousModel(ModelSection):
    """Settings of [model], for the paper's three networks.

    continuous-mlp: n_hidden_layers of width units. lenet: filters, then one fully connected layer of width units.
    vgg16: width filters in the first block.
    """

    kind: Literal["continuous-mlp", "lenet", "vgg16"] = Field(description="the model; decides what the other keys are")
    width: Positive = Field(title="H", description="units of a hidden layer, or filters of the first block of VGG16")
    n_hidden_layers: Annotated[int, Field(ge=0, le=100, title="L", description="hidden layers")] = 2
    filters: list[Positive] = Field([20, 50], min_length=1, description="of lenet: filters of each convolution")

    @model_validator(mode="after")
    def _keys_fit(self) -> "ContinuousModel":
        for key, kind in (("n_hidden_layers", "continuous-mlp"), ("filters", "lenet")):
            if self.kind != kind and getattr(self, key) != ContinuousModel.model_fields[key].default:
                raise ValueError(f'{key} = {getattr(self, key)} is for kind = "{kind}" only; remove it')
        return self


class Continuous(TorchFamily[ContinuousModel]):
    """Multi-layer perceptrons, LeNet and VGG16 with ReLU, trained and stored in float32."""

    kinds = KINDS
    Settings = ContinuousModel
    Compute = OnDevice
    algorithms = {"RSGD": RSGD, "SGD": SGD, "ADV": ADV, "EntropySGD": EntropySGD}  # noqa: RUF012
    default_algorithms = ("RSGD", "SGD", "ADV")
    states = ("raw",)
    distance_label = "geodesic distance"
    perturbation_label = "noise amplitude"
    in_disorder = ("width",)
    rebuilt_from = ("tensors",)

    def takes(self, settings: ContinuousModel, inputs: Inputs) -> None:
        """Inputs have to fit the layers: (N,), or (channels, height, width)."""
        if settings.kind != "continuous-mlp" and len(inputs.shape) != 3:
            raise ValueError(f"model.kind = {settings.kind!r} takes images, not inputs of shape {inputs.shape}")
        count_weights(settings, inputs)

    def build(
        self, settings: ContinuousModel, inputs: Inputs, seed: Callable[..., np.random.SeedSequence]
    ) -> "Network":
        """The network."""
        return network(settings, inputs)

    def fit(
        self, model: "Network", data: Dataset, algorithm: Algorithm, seed: Seed, compute: OnDevice
    ) -> "ContinuousSolution":
        """Train by `db.fit`; an algorithm with its own `fit` chooses its own device."""
        from deepbridge.continuous.training import fit

        return fit(model, data, algorithm, seed, device=compute.device, progress=False)

    def n_weights(self, settings: ContinuousModel, inputs: Inputs) -> int:
        """Number of parameters, counted without making the network."""
        return count_weights(settings, inputs)

    def variables(self) -> dict[str, Variable]:
        """Stored: parameters, statistics of batch-norms, spread of the replicas."""
        spread = "root mean square distance of the replicas of RSGD from their mean"
        order = "parameters, then buffers of batch-norms, in the order of the module, each row-major"
        return {
            "replica_spread": Variable((), "f8", "1", spread, optional=True),
            "tensors": Variable(("entry",), "f4", "1", order, large=True),
        }

    def lengths(self, settings: ContinuousModel, inputs: Inputs, algorithm: Algorithm) -> dict[str, Coordinate]:
        """Numbers of parameters and of entries of buffers."""
        count = self.n_weights(settings, inputs) + count_statistics(settings)
        return {"entry": Coordinate(count, labelled=False)}

    def encode(self, solution: "ContinuousSolution") -> dict[str, NDArray[Any]]:
        """Parameters and buffers as flat arrays; counters become numbers."""
        tensors = [solution.state[name].numpy().reshape(-1) for name in _ordered(solution.network)]
        arrays: dict[str, NDArray[Any]] = {"tensors": np.concatenate(tensors).astype(np.float32)}
        if solution.spread is not None:
            arrays["replica_spread"] = np.array(solution.spread)
        return arrays

    def decode(self, model: "Network", arrays: Arrays, algorithm: Algorithm | None = None) -> "ContinuousSolution":
        """The inverse of `encode`."""
        import torch

        from deepbridge.continuous.solutions import ContinuousSolution

        state, begin = {}, 0
        for name in _ordered(model):
            shape = model.shapes[name]
            end = begin + int(np.prod(shape))
            values = torch.from_numpy(np.array(arrays["tensors"][begin:end], np.float32)).reshape(shape)
            state[name] = values.long() if name.endswith("num_batches_tracked") else values
            begin = end
        spread, history = arrays.get("replica_spread"), arrays.get("history")
        kept = None if history is None else history[: getattr(algorithm, "n_records", len(history))]
        return ContinuousSolution(model, state, kept, None if spread is None else float(spread), algorithm)

    def stream_key(self, purpose: str, measure: Any, compute: OnDevice) -> dict[str, Any]:
        """For training, the device."""
        return compute.model_dump() if purpose in ("fit", "midpoint") else {"path": PATH}

    def limits(self, settings: ContinuousModel, inputs: Inputs, algorithms: Sequence[Algorithm]) -> list[Limit]:
        """Number of weights, of all replicas."""
        replicas = max(getattr(algorithm, "replicas", 1) for algorithm in algorithms)
        weights = replicas * self.n_weights(settings, inputs)
        return [(weights, "weights", "grid.width, model and replicas", LARGEST_NETWORK)]

    def summary(self, settings: ContinuousModel) -> str:
        """The layers, in words."""
        if settings.kind == "continuous-mlp":
            return f"{settings.n_hidden_layers} hidden layers of {settings.width}"
        if settings.kind == "lenet":
            return f"LeNet, filters {'-'.join(map(str, settings.filters))}, {settings.width} units"
        return f"VGG16 with batch-norm, {settings.width} filters in the first block"

    # Verbs

    def normalized(self, solution: "ContinuousSolution") -> "ContinuousSolution":
        """The normalised network, `db.normalize`."""
        from deepbridge.continuous.normalisation import normalize

        return normalize(solution)

    def aligned(
        self,
        solution: "ContinuousSolution",
        to: "ContinuousSolution",
        method: str,
        train: Dataset,
        restarts: int,
        seed: Seed,
        compute: OnDevice,
    ) -> "ContinuousSolution":
        """The aligned solution of `db.align`."""
        from deepbridge.continuous.alignment import align

        options: dict[str, Any] = {"seed": seed, "restarts": restarts, "device": compute.device}
        return align(solution, to, method, train, **options).solution  # type: ignore[arg-type]

    def distance(self, a: "ContinuousSolution", b: "ContinuousSolution") -> float:
        """Geodesic distance, `db.distance`."""
        from deepbridge.continuous.geodesics import distance

        return distance(a, b)

    def noise_energy(
        self,
        solution: "ContinuousSolution",
        train: Dataset,
        sigmas: Sequence[float],
        realizations: int,
        seed: Seed,
        compute: OnDevice,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Samples of errors and of losses of `db.local_energy`."""
        from deepbridge.continuous.flatness import local_energy

        found = local_energy(solution, train, sigmas, realizations, seed, device=compute.device)
        return found.samples, found.loss_samples

    def line(
        self, start: "ContinuousSolution", end: "ContinuousSolution", train: Dataset, compute: OnDevice, **options: Any
    ) -> Any:
        """A path of `db.path`; options: kind, points, beyond, test, reestimate."""
        from deepbridge.continuous.paths import path

        return path(start, end, train, device=compute.device, **options)

    def interpolated(
        self, start: "ContinuousSolution", end: "ContinuousSolution", points: int, kind: Any
    ) -> list["ContinuousSolution"]:
        """Evenly spaced networks of `db.interpolate`, ends included."""
        from deepbridge.continuous.geodesics import line_between

        line = line_between(start, end, np.linspace(0, 1, points).tolist(), kind)
        return [start.at(line.state(k)) for k in range(points)]

    def bend(
        self,
        start: "ContinuousSolution",
        end: "ContinuousSolution",
        train: Dataset,
        algorithm: Any,
        seed: Seed,
        compute: OnDevice,
        **options: Any,
    ) -> Any:
        """A path of `db.optimized_path`; options: kind, points, reestimate."""
        from deepbridge.continuous.paths import optimized_path

        return optimized_path(start, end, train, algorithm, seed, device=compute.device, **options)

    def section(
        self, three: Sequence["ContinuousSolution"], train: Dataset, points: int, compute: OnDevice, **options: Any
    ) -> Any:
        """A plane of `db.plane`; options: margin, test, reestimate."""
        from deepbridge.continuous.planes import plane

        first, second, third = three
        return plane(first, second, third, train, points, device=compute.device, **options)

    def landscape(
        self, model: "Network", train: Dataset, test: Dataset, compute: OnDevice, geometry: str = "flat"
    ) -> Any:
        """The landscape of `db.landscape`."""
        from deepbridge.continuous.landscape import NetworkLandscape

        return NetworkLandscape(model, train, test, geometry=geometry, device=compute.device)

    def connected(
        self,
        landscape: Any,
        start: "ContinuousSolution",
        end: "ContinuousSolution",
        path: Any,
        seed: Seed,
        settings: Any,
    ) -> Any:
        """A path of `db.connectivity` by the settings [measure.curves], with values at evenly spaced places."""
        from deepbridge.connectivity.connecting import connected

        return connected(landscape, start, end, path, seed, settings)

    def sharpness(
        self,
        solution: "ContinuousSolution",
        train: Dataset,
        seeds: Mapping[str, Seed],
        options: Mapping[str, Any],
        compute: OnDevice,
    ) -> dict[str, tuple[float, float]]:
        """Value and standard error by each definition in seeds, in float32 as the solution."""
        from deepbridge.connectivity.definitions import DEFINITIONS
        from deepbridge.continuous.landscape import NetworkLandscape

        landscape = NetworkLandscape(solution.network, train, device=compute.device)
        return {name: DEFINITIONS[name](landscape, solution, options, seed) for name, seed in seeds.items()}

    def neighbourhood(
        self,
        solution: "ContinuousSolution",
        train: Dataset,
        test: Dataset,
        options: Mapping[str, Any],
        seed: Seed,
        compute: OnDevice,
    ) -> Any:
        """Samples of `db.connectivity.jump_and_retrain`; options: those of JumpAndRetrain."""
        from deepbridge.connectivity.sampling import JumpAndRetrain, jump_and_retrain
        from deepbridge.continuous.landscape import NetworkLandscape

        landscape = NetworkLandscape(solution.network, train, test, device=compute.device)
        return jump_and_retrain(landscape, solution, JumpAndRetrain(**options), seed, progress=False)

    def persistence(self, samples: Any, values: str, options: Mapping[str, Any]) -> Any:
        """Persistence of `db.connectivity.sample_persistence`."""
        from deepbridge.connectivity.topology import sample_persistence

        return sample_persistence(samples, values=values, **options)  # type: ignore[arg-type]

    def surfaces(
        self,
        solution: "ContinuousSolution",
        train: Dataset,
        test: Dataset,
        options: Mapping[str, Any],
        seed: Seed,
        compute: OnDevice,
    ) -> list[Any]:
        """Surfaces of `db.connectivity.surface`; options: dimensions, realizations, normalization, points, extent."""
        from deepbridge.connectivity.directions import random_directions
        from deepbridge.connectivity.surfaces import surface
        from deepbridge.continuous.landscape import NetworkLandscape

        landscape = NetworkLandscape(solution.network, train, test, device=compute.device)
        dimensions, many = options["dimensions"], options["realizations"]
        drawn = random_directions(landscape, solution, dimensions * many, options["normalization"], seed)
        size = {"points": options["points"], "extent": options["extent"], "progress": False}
        return [surface(landscape, solution, axes, **size) for axes in np.split(drawn, many)]

    def picture(self, samples: Any) -> NDArray[np.float64]:
        """Places (S, 2) in nat of samples in a picture of their diffusion potentials, `db.connectivity.embed`.

        As in the paper, the potentials are those of cosine distances; the picture shows the Euclidean distances between
        potentials, as PHATE does. Cosine distances between potentials are about squares of these: pictures of them
        collapse to a line.
        """
        from deepbridge.connectivity.distances import distance_matrix
        from deepbridge.connectivity.embedding import embed

        return embed(distance_matrix(samples.points, "cosine")).coordinates


CONTINUOUS = Continuous()


def network(settings: ContinuousModel, inputs: Inputs) -> "Network":
    """The network with these settings for such inputs."""
    outputs = 1 if inputs.n_classes == 2 else inputs.n_classes
    layers = (settings.n_hidden_layers, tuple(settings.filters))
    return _network(settings.kind, settings.width, layers, inputs.shape, outputs)


@lru_cache(maxsize=16)
def _network(kind: str, width: int, layers: tuple[int, tuple[int, ...]], shape: Any, outputs: int) -> "Network":
    """The network, cached with its symmetry."""
    from deepbridge.continuous.networks import MLP, VGG16, LeNet

    depth, filters = layers
    if kind == "continuous-mlp":
        return MLP(int(np.prod(shape)), (width,) * depth, outputs)
    return LeNet(shape, filters, (width,), outputs) if kind == "lenet" else VGG16(width, shape, outputs)


VGG_BLOCKS = (1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 8, 8, 8)  # filters of the convolutions, in units of the first


def count_weights(settings: ContinuousModel, inputs: Inputs) -> int:
    """Number of parameters of a network."""
    outputs = 1 if inputs.n_classes == 2 else inputs.n_classes
    if settings.kind == "continuous-mlp":
        return _dense(int(np.prod(inputs.shape)), *(settings.width,) * settings.n_hidden_layers, outputs)
    channels = inputs.shape[0]
    if settings.kind == "vgg16":
        filters = [multiple * settings.width for multiple in VGG_BLOCKS]
        return _convolutions(3, channels, filters) + sum(2 * count for count in filters) + _dense(filters[-1], outputs)
    sides = list(inputs.shape[1:])
    for _ in settings.filters:
        sides = [(side - 4) // 2 for side in sides]
    if min(sides) < 1:
        raise ValueError(f"images of {inputs.shape[1:]} are too small for filters = {settings.filters}")
    flat = settings.filters[-1] * int(np.prod(sides))
    return _convolutions(5, channels, settings.filters) + _dense(flat, settings.width, outputs)


def _dense(*sizes: int) -> int:
    return sum((before + 1) * after for before, after in pairwise(sizes))


def _convolutions(side: int, channels: int, filters: Sequence[int]) -> int:
    return sum((side**2 * before + 1) * after for before, after in pairwise((channels, *filters)))


def count_statistics(settings: ContinuousModel) -> int:
    """Number of running means and variances of batch-norms, and of their counters."""
    filters = [multiple * settings.width for multiple in VGG_BLOCKS] if settings.kind == "vgg16" else []
    return sum(2 * count + 1 for count in filters)


def _ordered(network: "Network") -> list[str]:
    """Names of the parameters, then of everything that is not trained."""
    return [*network.parameters, *(name for name in network.shapes if name not in network.parameters)]
