"""Perceptrons and committee machines, `[model] kind = "perceptron"` or `"committee"`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from binland.algorithms import RSGD
from binland.data import HiddenManifold, Patterns
from binland.enumeration import Enumeration, kept_enumeration
from binland.families.binary import BinaryFamily
from binland.flatness import local_energy
from binland.local_entropies import local_entropy
from binland.models import CommitteeMachine, Machine, Perceptron, Solution
from binland.orders import Annealed, Guide, Guided
from binland.paths import Barrier, Path, barrier, hamming, latents_to_begin, optimized_midpoint, shortest_path
from binland.planes import plane
from binland.results import Plane
from binland.rng import Seed
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.family import Arrays
from binland.sweep.contracts.problem import Inputs, Limit
from binland.sweep.contracts.section import ModelSection, Positive
from binland.symmetry import align
from binland.training import fit
from binland.volumes import HammingVolume, checked_distances, errors_below, sampled_volumes

WALKS = 2  # number of the way random walks are drawn; a new number gives tasks new names
FEW_FLIPS = 16  # up to so many flips the best of all orders is found
GUIDES = 2  # number of the way gains are computed and flips postponed
LARGEST_MACHINE = 10**9  # weights, of all replicas


class ShallowModel(ModelSection):
    """Perceptrons and committee machines."""

    silent = ("allow_ties",)

    kind: Literal["perceptron", "committee"] = Field(description="the model; decides what the other keys are")
    n_hidden: Positive | None = Field(None, title="H", description="number of hidden units H")
    output_weights: Literal["ones", "random"] = Field(
        "ones", description="of a committee machine: all +1, or drawn from -1 and +1 with the disorder sample"
    )
    allow_ties: bool = Field(False, description="no warning on even sizes, where sign(0) can occur; changes no number")

    @model_validator(mode="after")
    def _sizes_match_kind(self) -> "ShallowModel":
        if self.kind == "committee" and self.n_hidden is None:
            raise ValueError('kind = "committee" needs n_hidden, an integer of at least 1')
        if self.kind == "perceptron" and (self.n_hidden not in (None, 1) or self.output_weights != "ones"):
            raise ValueError('kind = "perceptron" has neither n_hidden nor output_weights; remove them')
        if self.kind == "perceptron":
            object.__setattr__(self, "n_hidden", None)  # 1 says the same
        return self


class Shallow(BinaryFamily[ShallowModel]):
    """Perceptrons and committee machines."""

    kinds = ("perceptron", "committee")
    Settings = ShallowModel
    problem = "hidden-manifold"
    default_algorithms = ("RSGD", "SGD", "ADV")

    def takes(self, settings: ShallowModel, inputs: Inputs) -> None:
        """Inputs and labels have to be -1 and +1."""
        if inputs.values != "signs" or len(inputs.shape) != 1 or inputs.n_classes != 2:
            raise ValueError(
                f"model.kind = {settings.kind!r} takes inputs (N,) of -1 and +1 and labels -1 and +1, not"
                f" {inputs.values} of shape {inputs.shape} in {inputs.n_classes} classes; choose another data.kind"
            )

    def build(self, settings: ShallowModel, inputs: Inputs, seed: Callable[..., np.random.SeedSequence]) -> Machine:
        """The machine; drawn output weights belong to the disorder sample."""
        (n,), h = inputs.shape, settings.n_hidden
        if h is None:
            return Perceptron(n)
        if settings.output_weights == "ones":
            return CommitteeMachine(n, h)
        return CommitteeMachine.with_random_outputs(n, h, seed("output_weights", n_inputs=n, n_hidden=h))

    def data(self, patterns: Any, inputs: Inputs) -> Patterns:
        """The patterns of a problem as `Patterns`."""
        return patterns if isinstance(patterns, Patterns) else Patterns(patterns.inputs, patterns.labels)

    def fit(self, model: Machine, data: Patterns, algorithm: Algorithm, seed: Seed, compute: Any) -> Solution:
        """`bl.fit`"""
        return fit(model, data, algorithm, seed)

    def n_weights(self, settings: ShallowModel, inputs: Inputs) -> int:
        """Number of weights, N or H N."""
        return inputs.shape[0] * (settings.n_hidden or 1)

    def weights(self, solution: Solution) -> NDArray[np.int8]:
        """All weights in row-major order."""
        return solution.weights.reshape(-1)

    def latent_weights(self, solution: Solution) -> NDArray[np.float32] | None:
        """All latents in row-major order."""
        return None if solution.latents is None else solution.latents.reshape(-1)

    def decode(self, model: Machine, arrays: Arrays, algorithm: Algorithm | None = None) -> Solution:
        """A solution from its flat arrays."""
        weights, latents = self.unpacked(arrays, model.n_weights)
        shape = model.weight_shape
        latents = None if latents is None else latents.reshape(shape)
        return Solution(model, weights.reshape(shape), latents, self.history(arrays), None, algorithm)

    def stream_key(self, purpose: str, measure: Any, compute: Any) -> dict[str, Any]:
        """How walks are drawn, and whether flips are counted or independent."""
        if purpose in ("guided", "lowest", "bottleneck"):
            return {"draws": WALKS, "guided": self.guided_defaults()}
        flips = {"flips": measure.flips} if purpose == "local_energy" else {}
        return {"draws": WALKS, **flips} if purpose in ("local_energy", "path", "bend", "hamming") else {}

    def limits(self, settings: ShallowModel, inputs: Inputs, algorithms: Sequence[Algorithm]) -> list[Limit]:
        """Number of weights, of all replicas."""
        replicas = max(getattr(algorithm, "replicas", 1) for algorithm in algorithms)
        weights = self.n_weights(settings, inputs) * replicas
        return [(weights, "weights", "grid.n_inputs, model.n_hidden, replicas", LARGEST_MACHINE)]

    def warnings(self, settings: ShallowModel, inputs: Inputs) -> list[str]:
        """A line for every even size that makes sign(0) possible, unless ties are asked for."""
        if settings.allow_ties:
            return []
        hint = "is even and has ties, where sign(0) counts as +1; take odd sizes, or set model.allow_ties = true"
        sizes = (("number of inputs N", inputs.shape[0]), ("model.n_hidden", settings.n_hidden or 1))
        return [f"{what} = {size} {hint}" for what, size in sizes if size % 2 == 0]

    def symmetric(self, settings: ShallowModel) -> bool:
        """Whether there is a symmetry: not in a perceptron."""
        return settings.kind == "committee"

    def summary(self, settings: ShallowModel) -> str:
        """H of a committee machine."""
        return f"H = {settings.n_hidden}" if settings.kind == "committee" else ""

    def warm_up(self) -> None:
        """Compile every kernel of a sweep, or load it, so that workers only load: about 5 s on a new machine."""
        patterns = HiddenManifold(3, 2, seed=0).sample(4, seed=0)
        solutions = [RSGD(epochs=1, replicas=2).fit(CommitteeMachine(3, 3), patterns, seed) for seed in (0, 1)]
        local_energy(solutions[0], patterns, [0.5], 1)
        shortest_path(solutions[0], solutions[1], patterns, order="guided")

    # Verbs

    def align(self, solution: Solution, to: Solution) -> Solution:
        """The aligned solution of `bl.align`."""
        return align(solution, to).solution

    def distance(self, a: Solution, b: Solution) -> float:
        """Hamming distance, `bl.hamming`."""
        return hamming(a, b)

    def local_energy(
        self,
        solution: Solution,
        train: Patterns,
        fractions: Sequence[float],
        realizations: int,
        seed: Seed,
        compute: Any,
    ) -> NDArray[np.float64]:
        """Samples of `bl.local_energy` with a fixed number of flips."""
        return local_energy(solution, train, fractions, realizations, seed).samples

    def independent_local_energy(
        self,
        solution: Solution,
        train: Patterns,
        fractions: Sequence[float],
        realizations: int,
        seed: Seed,
        compute: Any,
    ) -> NDArray[np.float64]:
        """Samples of `bl.local_energy` with independent flips."""
        return local_energy(solution, train, fractions, realizations, seed, "independent").samples

    def expected_local_energy(
        self, solution: Solution, train: Patterns, fractions: Sequence[float], independent: bool
    ) -> NDArray[np.float64]:
        """Local energy in closed form."""
        flips: Literal["independent", "count"] = "independent" if independent else "count"
        return local_energy(solution, train, fractions, flips=flips, method="exact").samples[:, 0]

    def local_entropy(
        self,
        solution: Solution,
        train: Patterns,
        distances: Sequence[float],
        options: Mapping[str, Any],
        seed: Seed,
        compute: Any,
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Entropies of `bl.local_entropy`, and whether each converged."""
        found = local_entropy(solution, train, distances, seed=seed, **options)
        return found.entropy, found.converged

    def shortest_paths(
        self, start: Solution, end: Solution, train: Patterns, orders: int, seed: Seed, points: int | str, compute: Any
    ) -> Barrier:
        """Barriers of `bl.barrier`, with the errors after every flip whatever `points` is."""
        return barrier(start, end, train, orders, seed)

    def guided_defaults(self) -> dict[str, Any]:
        """Default settings of guided orders and the number of their code; a new number gives tasks new names."""
        return {"code": GUIDES, **{key: value for key, value in vars(Guided()).items() if key != "guide"}}

    def guided_path(
        self,
        start: Solution,
        end: Solution,
        train: Patterns,
        options: Mapping[str, Any],
        guide: Guide | None,
        points: int,
        compute: Any,
    ) -> Path:
        """A guided path of `bl.shortest_path`, with the errors after every flip whatever `points` is."""
        return shortest_path(start, end, train, order=Guided(**options, guide=guide))

    def annealed_path(
        self, start: Solution, end: Solution, train: Patterns, options: Mapping[str, Any], seed: Seed, compute: Any
    ) -> Path:
        """An annealed path of `bl.shortest_path` that starts from a guided one."""
        return shortest_path(start, end, train, seed, Annealed(**options))

    def lowest_path(
        self, start: Solution, end: Solution, train: Patterns, options: Mapping[str, Any], seed: Seed, compute: Any
    ) -> Path:
        """The best of all orders for at most FEW_FLIPS flips, else an annealed path."""
        if np.count_nonzero(start.weights != end.weights) <= FEW_FLIPS:
            return shortest_path(start, end, train, order="exact")
        return self.annealed_path(start, end, train, options, seed, compute)

    def trained_from(
        self, solution: Solution, train: Patterns, algorithm: Algorithm, seed: Seed, compute: Any
    ) -> Solution:
        """A training that starts at a solution: at its latents or, without any, at its weights at the initial size."""
        return fit(solution.machine, train, algorithm, seed, start=latents_to_begin(solution, algorithm))

    def midpoint(
        self, start: Solution, end: Solution, train: Patterns, algorithm: Algorithm, seed: Seed, compute: Any
    ) -> Solution:
        """The midpoint of `bl.optimized_path`."""
        return optimized_midpoint(start, end, train, algorithm, seed)

    def enumeration(self, model: Machine, train: Patterns) -> Enumeration:
        """`bl.enumerate_solutions`, with a cache of one."""
        return kept_enumeration(model, train)

    def plane(self, solutions: Sequence[Solution], train: Patterns, points: int, compute: Any) -> Plane:
        """Errors in a plane, `bl.plane`."""
        first, second, third = solutions
        return plane(first, second, third, train, points)

    def hamming_volumes(
        self,
        solution: Solution,
        train: Patterns,
        fractions: Sequence[float],
        max_errors: Sequence[float],
        realizations: int,
        confidence: float,
        seed: Seed,
        compute: Any,
    ) -> list[HammingVolume]:
        """Volumes of `bl.hamming_volume`, one for each of max_errors."""
        distances = checked_distances(fractions, solution.machine.n_weights)
        most = [errors_below(one, train.n_patterns) for one in max_errors]
        return sampled_volumes(solution, train, distances, most, realizations, seed, confidence)


SHALLOW = Shallow()
