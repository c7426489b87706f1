"""Deep networks as a family of sweeps: what their configuration says, and how the engine trains and measures them.

torch is imported when something is computed: checking a configuration and reading results do without it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

import deepbridge as db
from binland import algorithms as shallow
from binland.errors import InvalidInputError
from binland.interrupts import deferred
from binland.lazy import installing
from binland.paths import Barrier
from binland.rng import Seed
from binland.sweep.family import Family, Limit
from binland.sweep.identity import canonical_json, identify
from binland.sweep.spec import GridSpec, ModelSpec, Positive, Section, Sizes, SweepSpec, distinct
from deepbridge.binary.algorithms import ADV, RSGD, SGD
from deepbridge.binary.networks import BinaryConvNet, BinaryMLP, Network
from deepbridge.common.data import SHAPES, WITH_PARITY, Dataset, load
from deepbridge.common.stamp import stamp

if TYPE_CHECKING:
    from deepbridge.binary.planes import Plane
    from deepbridge.binary.solutions import Solution

WALKS = 1  # how random walks are drawn; another way gets another number, and with it other tasks
LARGEST_NETWORK = 10**9  # weights, of all replicas


class ImageSpec(Section):
    """Images: their name, the task, how many of each class (all by default), batches of CIFAR-10.

    A disorder sample is a draw of the images, the same for every width.
    """

    name: Literal["mnist", "fashion-mnist", "cifar10", "digits"]
    task: Literal["classes", "parity"] = "classes"
    per_class: Positive | None = None
    test_per_class: Positive | None = None
    batches: Annotated[list[Annotated[int, Field(ge=1, le=5)]], Field(min_length=1)] = [1, 2, 3, 4, 5]  # noqa: RUF012

    @model_validator(mode="after")
    def _task_fits(self) -> "ImageSpec":
        if self.task == "parity" and self.name not in WITH_PARITY:
            raise ValueError(f'task = "parity" is for mnist and digits, not {self.name}')
        if len(set(self.batches)) < len(self.batches):
            raise ValueError(f"batches = {self.batches}: each may occur once")
        _only(self, self.name == "cifar10", "cifar10", "batches")
        return self


class DeepModel(ModelSpec):
    """The network: fully connected layers of grid.width units, after convolutions if it is a convnet."""

    kind: Literal["mlp", "convnet"]
    n_hidden_layers: Annotated[int, Field(ge=0, le=100)] = 3
    filters: Annotated[list[Positive], Field(min_length=1)] = [20, 50]  # noqa: RUF012
    filter_size: Positive = 5
    pool: Positive = 2

    @model_validator(mode="after")
    def _convolutions_fit(self) -> "DeepModel":
        _only(self, self.kind == "convnet", 'kind = "convnet"', "filters", "filter_size", "pool")
        return self


class DeepGrid(GridSpec):
    """What is repeated: widths of the fully connected layers, draws of the images, solutions per algorithm."""

    width: Annotated[Sizes, distinct("width")]


class ComputeSpec(Section):
    """Where training and errors are computed, and in which type; errors are the same everywhere, training is not."""

    device: Annotated[str, Field(pattern=r"^(cpu|cuda(:\d+)?)$")] = "cpu"
    dtype: Literal["float32", "float64"] = "float32"


class DeepSpec(SweepSpec):
    """A sweep over the width of deep networks."""

    kinds: ClassVar[Mapping[str, type[shallow.SGD]]] = {"RSGD": RSGD, "SGD": SGD, "ADV": ADV}

    data: ImageSpec
    model: DeepModel
    grid: DeepGrid
    compute: ComputeSpec = ComputeSpec()

    @model_validator(mode="after")
    def _problem_is_possible(self) -> "DeepSpec":
        if self.grid.disorder_samples > 1 and self.data.per_class is None:
            raise ValueError(
                f"grid.disorder_samples = {self.grid.disorder_samples} are draws of the images, but all images are"
                " used; set data.per_class, or grid.disorder_samples = 1"
            )
        for width in self.grid.width:
            _network(self, width)
        return self


class Deep(Family[DeepSpec]):
    """Multi-layer perceptrons and convolutional networks on images."""

    axis, symbol, meaning = "width", "H", "units of a fully connected hidden layer"
    spec = DeepSpec
    libraries = ("torch", "scikit-learn")

    def machine(self, spec: DeepSpec, size: int, disorder: int) -> Network:
        """The network of one width."""
        return _network(spec, size)

    def train(self, spec: DeepSpec, size: int, disorder: int) -> Dataset:
        """Images of the disorder sample."""
        return _images(canonical_json(spec.data.model_dump()), self._seed(spec, disorder))[0]

    def test(self, spec: DeepSpec, size: int, disorder: int) -> Dataset:
        """Its test images."""
        return _images(canonical_json(spec.data.model_dump()), self._seed(spec, disorder))[1]

    def _seed(self, spec: DeepSpec, disorder: int) -> str:
        key = self.disorder_key(spec, 0, disorder)
        del key["width"]
        return identify(key | {"purpose": "images"}).id

    def n_weights(self, spec: DeepSpec, size: int) -> int:
        """Of all layers."""
        return _network(spec, size).n_weights

    def fit(self, spec: DeepSpec, machine: Network, train: Dataset, algorithm: shallow.SGD, seed: Seed) -> "Solution":
        """`db.fit`"""
        compute = spec.compute.model_dump()
        return db.fit(machine, train, algorithm, seed, **compute, progress=False)

    def local_energy(self, spec: DeepSpec, solution: "Solution", train: Dataset, seed: Seed) -> NDArray[np.float64]:
        """Samples of `db.local_energy`"""
        measure, device = spec.measure, spec.compute.device
        drawn = (measure.fractions, measure.realizations, seed)
        return db.local_energy(solution, train, *drawn, device=device).samples

    def align(self, solution: "Solution", to: "Solution") -> "Solution":
        """Solution of `db.align`"""
        return db.align(solution, to).solution

    def hamming(self, a: "Solution", b: "Solution") -> float:
        """`db.hamming`"""
        return db.hamming(a, b)

    def barrier(self, spec: DeepSpec, start: "Solution", end: "Solution", train: Dataset, seed: Seed) -> Barrier:
        """`db.barrier`"""
        measure, device = spec.measure, spec.compute.device
        return db.barrier(start, end, train, measure.orders, seed, measure.profile_points, device=device)

    def midpoint(
        self, spec: DeepSpec, start: "Solution", end: "Solution", train: Dataset, algorithm: shallow.SGD, seed: Seed
    ) -> "Solution":
        """`db.optimized_midpoint`"""
        device = spec.compute.device
        return db.optimized_midpoint(start, end, train, algorithm, seed, device=device, progress=False)

    def plane(self, spec: DeepSpec, solutions: Sequence["Solution"], train: Dataset, points: int) -> "Plane":
        """`db.plane`"""
        a, b, c = solutions
        return db.plane(a, b, c, train, points, device=spec.compute.device)

    def weights(self, solution: "Solution") -> NDArray[np.int8]:
        """Layer by layer, row-major."""
        return solution.flat

    def latents(self, solution: "Solution") -> NDArray[np.float32]:
        """Layer by layer, row-major."""
        assert solution.latents is not None
        return np.concatenate([layer.reshape(-1) for layer in solution.latents])

    def rebuild(
        self,
        machine: Network,
        weights: NDArray[np.int8],
        latents: NDArray[np.float32] | None = None,
        history: NDArray[np.float64] | None = None,
        algorithm: shallow.SGD | None = None,
    ) -> "Solution":
        """A solution from its flat arrays, with all ties +1 as `fit` gives it."""
        layers = None if latents is None else machine.split(latents)
        return db.Solution(machine, machine.split(weights), layers, (), history, None, algorithm)

    def disorder_key(self, spec: DeepSpec, size: int, disorder: int) -> dict[str, Any]:
        """What a disorder sample is; the images do not depend on the width."""
        data = spec.data.model_dump(exclude={"test_per_class"})
        return {"seed": spec.seed, "width": size, "disorder": disorder, **data}

    def model_key(self, spec: DeepSpec) -> dict[str, Any]:
        """Kind and layers."""
        return spec.model.model_dump()

    def stream_key(self, spec: DeepSpec, purpose: str) -> dict[str, Any]:
        """How walks are drawn; for training, where it is done and in which type."""
        if purpose in ("fit", "midpoint"):
            return spec.compute.model_dump()
        return {"draws": WALKS}

    def task_key(self, spec: DeepSpec, kind: str) -> dict[str, Any]:
        """Of solutions also the number of test images."""
        own = {"test_per_class": spec.data.test_per_class} if kind == "solution" else {}
        return super().task_key(spec, kind) | own

    def limits(self, spec: DeepSpec) -> list[Limit]:
        """Weights that fit into memory."""
        replicas = max(getattr(spec.algorithm(label), "replicas", 1) for label in spec.algorithms)
        weights = replicas * self.n_weights(spec, max(spec.sizes))
        return [(weights, "weights", "grid.width, model and replicas", LARGEST_NETWORK)]

    def summary(self, spec: DeepSpec) -> str:
        """Data and layers."""
        data, model = spec.data, spec.model
        images = "all images" if data.per_class is None else f"{data.per_class} images per class"
        convolutions = f", filters {'-'.join(map(str, model.filters))}" if model.kind == "convnet" else ""
        task = " parity" if data.task == "parity" else ""
        return f"{data.name}{task}, {images}{convolutions}, {model.n_hidden_layers} hidden layers"

    def check_ready(self, spec: DeepSpec) -> None:
        """torch, the images and the device are there."""
        try:
            with deferred():
                import_module("torch")
        except ImportError:
            raise InvalidInputError(f"deep networks need torch: {installing('deep')}") from None
        import_module("deepbridge.common.devices").as_device(spec.compute.device)
        self.train(spec, spec.sizes[0], 0)

    def warm_up(self) -> None:
        """Compile every kernel of a sweep once (or load it), so that workers only load."""
        for network in (BinaryMLP(9, (3,), 3), BinaryConvNet((1, 6, 6), (2, 2), (2,), 3, 2, 1)):
            data = Dataset(np.ones((2, *network.input_shape), np.int16), np.array([0, 2]), 3)
            solution = db.fit(network, data, SGD(epochs=1, learning_rate=1.0), 0)
            db.local_energy(solution, data, [0.5], 1)
        perceptron = BinaryMLP(3, ())
        data = Dataset(np.ones((2, 3), np.int16), np.array([1, -1]), 2)
        db.fit(perceptron, data, SGD(epochs=1, learning_rate=1.0), 0)

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """torch, too, whose MKL no general limit reaches."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with super().one_thread():
                yield
        finally:
            torch.set_num_threads(before)

    def stamp(self) -> str:
        """Hash of this package's sources, and the version of torch."""
        return stamp()


FAMILY = Deep()


def _only(section: Section, here: bool, where: str, *keys: str) -> None:
    """Raise ValueError if keys that do nothing here are set to other values than their defaults."""
    for key in keys:
        if not here and getattr(section, key) != type(section).model_fields[key].default:
            raise ValueError(f"{key} = {getattr(section, key)} is for {where} only; remove it")


def _network(spec: DeepSpec, width: int) -> Network:
    model, data = spec.model, spec.data
    hidden, outputs = (width,) * model.n_hidden_layers, 1 if data.task == "parity" else 10
    shape = SHAPES[data.name]
    if model.kind == "mlp":
        return BinaryMLP(int(np.prod(shape)), hidden, outputs)
    return BinaryConvNet(shape, tuple(model.filters), hidden, outputs, model.filter_size, model.pool)


@lru_cache(maxsize=2)
def _images(settings: str, drawn: str) -> tuple[Dataset, Dataset]:
    """Kept, since all widths share them."""
    data = ImageSpec.model_validate_json(settings)
    return load(
        data.name,
        per_class=data.per_class,
        test_per_class=data.test_per_class,
        task=data.task,
        seed=np.random.SeedSequence(int(drawn, 16)),
        batches=tuple(data.batches),
    )
