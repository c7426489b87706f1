"""The shallow family: perceptrons and committee machines on Hidden Manifold data, swept over the number of inputs N."""

from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator, model_validator

from binland.algorithms import RSGD, SGD
from binland.data import HiddenManifold, Patterns
from binland.flatness import local_energy
from binland.models import CommitteeMachine, Machine, Perceptron, Solution
from binland.paths import Barrier, barrier, hamming, optimized_midpoint, shortest_path
from binland.rng import Seed
from binland.sweep.family import Family, Limit
from binland.sweep.identity import identify
from binland.sweep.spec import GridSpec, MeasureSpec, ModelSpec, Positive, Section, Sizes, SweepSpec, distinct
from binland.symmetry import align
from binland.training import fit

WALKS = 2  # how random walks are drawn; another way gets another number, and with it other tasks
LARGEST_MACHINE = 10**9  # weights, of all replicas
LARGEST_DATA = 10**11  # entries of the train or test inputs, a byte each


class DataSpec(Section):
    """Hidden Manifold data: D, P, number of test patterns, kinds of teacher and features."""

    latent_dim: Positive = 501
    n_patterns: Positive = 1503
    n_test: Positive = 10_000
    teacher_kind: Literal["binary", "gaussian"] = "binary"
    feature_kind: Literal["gaussian", "binary"] = "gaussian"


class ShallowModel(ModelSpec):
    """The machine: its kind, H, output weights all +1 or drawn; `allow_ties` silences the warning on even sizes."""

    kind: Literal["perceptron", "committee"]
    n_hidden: Positive | None = None
    output_weights: Literal["ones", "random"] = "ones"
    allow_ties: bool = False

    @model_validator(mode="after")
    def _sizes_match_kind(self) -> "ShallowModel":
        if self.kind == "committee" and self.n_hidden is None:
            raise ValueError('kind = "committee" needs n_hidden, an integer of at least 1')
        if self.kind == "perceptron" and (self.n_hidden not in (None, 1) or self.output_weights != "ones"):
            raise ValueError('kind = "perceptron" has neither n_hidden nor output_weights; remove them')
        if self.kind == "perceptron":
            object.__setattr__(self, "n_hidden", None)  # 1 says the same
        return self


class ShallowGrid(GridSpec):
    """What is repeated: values of N, disorder samples, solutions per algorithm."""

    n_inputs: Annotated[Sizes, distinct("N")]


class ShallowMeasure(MeasureSpec):
    """What is measured; flips: exactly a fraction, or each with a probability; method: sampled, or in closed form."""

    flips: Literal["count", "independent"] = "count"
    method: Literal["sampled", "exact"] = "sampled"

    @field_validator("plane_points")
    @classmethod
    def _no_planes(cls, points: int) -> int:
        if points:
            raise ValueError("planes are drawn for deep networks only; remove it")
        return points

    @property
    def samples(self) -> int:
        """Local energies of a solution at one fraction: the realisations, or their expectation."""
        return self.realizations if self.method == "sampled" else 1


class ShallowSpec(SweepSpec):
    """A sweep over the number of inputs."""

    data: DataSpec = DataSpec()
    model: ShallowModel
    grid: ShallowGrid
    measure: ShallowMeasure = ShallowMeasure()


class Shallow(Family[ShallowSpec]):
    """Perceptrons and committee machines."""

    axis, symbol, meaning = "n_inputs", "N", "number of inputs N"
    spec = ShallowSpec
    exported = ("overparameterization",)

    def machine(self, spec: ShallowSpec, size: int, disorder: int) -> Machine:
        """The machine at one grid point; drawn output weights belong to the disorder sample."""
        if spec.model.kind == "perceptron":
            return Perceptron(size)
        assert spec.model.n_hidden is not None
        if spec.model.output_weights == "ones":
            return CommitteeMachine(size, spec.model.n_hidden)
        key = {"purpose": "output_weights", "seed": spec.seed, "n_inputs": size, "disorder": disorder}
        key["n_hidden"] = spec.model.n_hidden
        return CommitteeMachine.with_random_outputs(size, spec.model.n_hidden, identify(key).seed)

    def train(self, spec: ShallowSpec, size: int, disorder: int) -> Patterns:
        """P patterns of the disorder sample's manifold."""
        key = self.disorder_key(spec, size, disorder) | {"purpose": "train"}
        return self.manifold(spec, size, disorder).sample(spec.data.n_patterns, identify(key).seed)

    def test(self, spec: ShallowSpec, size: int, disorder: int) -> Patterns:
        """Others of the same manifold."""
        key = self.disorder_key(spec, size, disorder) | {"purpose": "test"}
        return self.manifold(spec, size, disorder).sample(spec.data.n_test, identify(key).seed)

    def manifold(self, spec: ShallowSpec, size: int, disorder: int) -> HiddenManifold:
        """Features and teacher of one disorder sample."""
        drawn = identify(self.disorder_key(spec, size, disorder) | {"purpose": "manifold"}).id
        return _manifold(size, spec.data.latent_dim, drawn, spec.data.teacher_kind, spec.data.feature_kind)

    def n_weights(self, spec: ShallowSpec, size: int) -> int:
        """N H"""
        return size * (spec.model.n_hidden or 1)

    def fit(self, spec: ShallowSpec, machine: Machine, train: Patterns, algorithm: SGD, seed: Seed) -> Solution:
        """`bl.fit`"""
        return fit(machine, train, algorithm, seed)

    def local_energy(self, spec: ShallowSpec, solution: Solution, train: Patterns, seed: Seed) -> NDArray[np.float64]:
        """Samples of `bl.local_energy`"""
        measure = spec.measure
        return local_energy(
            solution, train, measure.fractions, measure.realizations, seed, measure.flips, measure.method
        ).samples

    def align(self, solution: Solution, to: Solution) -> Solution:
        """Solution of `bl.align`"""
        return align(solution, to).solution

    def hamming(self, a: Solution, b: Solution) -> float:
        """`bl.hamming`"""
        return hamming(a, b)

    def barrier(self, spec: ShallowSpec, start: Solution, end: Solution, train: Patterns, seed: Seed) -> Barrier:
        """`bl.barrier`"""
        return barrier(start, end, train, spec.measure.orders, seed)

    def midpoint(
        self, spec: ShallowSpec, start: Solution, end: Solution, train: Patterns, algorithm: SGD, seed: Seed
    ) -> Solution:
        """The bend of `bl.optimized_path`"""
        return optimized_midpoint(start, end, train, algorithm, seed)

    def weights(self, solution: Solution) -> NDArray[np.int8]:
        """Row-major."""
        return solution.weights.reshape(-1)

    def latents(self, solution: Solution) -> NDArray[np.float32]:
        """Row-major."""
        assert solution.latents is not None
        return solution.latents.reshape(-1)

    def rebuild(
        self,
        machine: Machine,
        weights: NDArray[np.int8],
        latents: NDArray[np.float32] | None = None,
        history: NDArray[np.float64] | None = None,
        algorithm: SGD | None = None,
    ) -> Solution:
        """A solution from its flat arrays."""
        shape = machine.weight_shape
        continuous = None if latents is None else latents.reshape(shape)
        return Solution(machine, weights.reshape(shape), continuous, history=history, algorithm=algorithm)

    def disorder_key(self, spec: ShallowSpec, size: int, disorder: int) -> dict[str, Any]:
        """What a disorder sample is: the numbers drawn for it depend on this and on nothing else."""
        return {
            "seed": spec.seed,
            "n_inputs": size,
            "disorder": disorder,
            "latent_dim": spec.data.latent_dim,
            "n_patterns": spec.data.n_patterns,
            "teacher_kind": spec.data.teacher_kind,
            "feature_kind": spec.data.feature_kind,
        }

    def model_key(self, spec: ShallowSpec) -> dict[str, Any]:
        """Kind, H and output weights."""
        model = spec.model
        return {"kind": model.kind, "n_hidden": model.n_hidden, "output_weights": model.output_weights}

    def stream_key(self, spec: ShallowSpec, purpose: str) -> dict[str, Any]:
        """How walks are drawn, and the convention of the flips."""
        flips = {"flips": spec.measure.flips} if purpose == "local_energy" else {}
        return {"draws": WALKS, **flips} if purpose in ("local_energy", "path", "bend") else {}

    def task_key(self, spec: ShallowSpec, kind: str) -> dict[str, Any]:
        """Of solutions also the number of test patterns and how local energies are found."""
        found = super().task_key(spec, kind)
        if kind == "solution":
            measure = spec.measure
            found |= {"flips": measure.flips, "method": measure.method, "n_test": spec.data.n_test}
            found["realizations"] = measure.realizations if measure.method == "sampled" else None
        return found

    def coordinates(self, spec: ShallowSpec) -> dict[str, tuple[NDArray[Any], str]]:
        """N H, N / D and P / N."""
        n = np.array(spec.sizes)
        return super().coordinates(spec) | {
            "overparameterization": (n / spec.data.latent_dim, "N / D"),
            "constraint_density": (spec.data.n_patterns / n, "P / N"),
        }

    def limits(self, spec: ShallowSpec) -> list[Limit]:
        """Weights and inputs that fit into memory."""
        units, largest, data = spec.model.n_hidden or 1, max(spec.sizes), spec.data
        replicas = max(getattr(spec.algorithm(label), "replicas", 1) for label in spec.algorithms)
        inputs = largest * max(data.n_patterns, data.n_test)
        return [
            (largest * units * replicas, "weights", "grid.n_inputs, model.n_hidden, replicas", LARGEST_MACHINE),
            (inputs, "inputs", "grid.n_inputs and data", LARGEST_DATA),
        ]

    def warnings(self, spec: ShallowSpec) -> list[str]:
        """One line per even size that makes sign(0) possible, unless ties are asked for."""
        if spec.model.allow_ties:
            return []
        messages = []
        even = [n for n in spec.sizes if n % 2 == 0]
        hint = "sign(0) counts as +1; take odd sizes, or set model.allow_ties = true"
        if even:
            messages.append(f"grid.n_inputs = {even}: an even number of inputs has ties, where {hint}")
        if spec.model.n_hidden and spec.model.n_hidden % 2 == 0:
            messages.append(f"model.n_hidden = {spec.model.n_hidden}: an even number of units has ties, where {hint}")
        return messages

    def check_ready(self, spec: ShallowSpec) -> None:
        """Manifold, train and test patterns of the largest size fit into this machine's memory."""
        data = spec.data
        HiddenManifold.check_room(max(spec.sizes), data.latent_dim, data.n_patterns + data.n_test)

    def symmetric(self, spec: ShallowSpec) -> bool:
        """A perceptron has no symmetry."""
        return spec.model.kind == "committee"

    def summary(self, spec: ShallowSpec) -> str:
        """D, P and H."""
        hidden = f", H = {spec.model.n_hidden}" if spec.model.kind == "committee" else ""
        return f"D = {spec.data.latent_dim}, P = {spec.data.n_patterns}{hidden}"

    def warm_up(self) -> None:
        """Compile every kernel of a sweep once (or load it), so that workers only load: some 5 s on a new machine."""
        patterns = HiddenManifold(3, 2, seed=0).sample(4, seed=0)
        machine = CommitteeMachine(3, 3)
        settings = RSGD(epochs=1, replicas=2)
        solutions = [fit(machine, patterns, settings, seed) for seed in (0, 1)]
        local_energy(solutions[0], patterns, [0.5], 1)
        shortest_path(solutions[0], solutions[1], patterns, seed=0)


@lru_cache(maxsize=2)
def _manifold(n_inputs: int, latent_dim: int, drawn: str, teacher: Any, features: Any) -> HiddenManifold:
    """Kept, since train and test patterns share it."""
    return HiddenManifold(n_inputs, latent_dim, np.random.SeedSequence(int(drawn, 16)), teacher, features)


SHALLOW = Shallow()
