"""The contract of a family of models: `[model] kind = "..."`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from binland.rng import Seed
from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.problem import Inputs, Limit
from binland.sweep.contracts.section import ModelSection, Section
from binland.sweep.contracts.variable import Coordinate, Variable

M = TypeVar("M", bound=ModelSection)
Arrays = Mapping[str, NDArray[Any]]


class Family(ABC, Generic[M]):
    """Models, their solutions and what can be asked of them; stateless, and the same in every process.

    kinds: its words in [model] kind. Settings: [model]. Compute: [compute], where and how training is computed.
    problem: the [data] kind where none is given. algorithms: words and classes that it trains, besides those that name
    one of its kinds in their `families`. states: symmetry states in which solutions are compared, the first as trained.
    distance_label, perturbation_label: of the axes of figures. in_disorder: keys of [model] that name the disorder
    sample too.

    Further methods are its verbs (align, distance, ...). A measure says which verbs it needs; where one is missing, the
    measure is refused. What the built-in measures ask of a verb stands at the top of their files.
    """

    kinds: tuple[str, ...]
    Settings: type[M]
    Compute: type[Section] = Section
    problem: str = ""
    algorithms: Mapping[str, type[Algorithm]] = {}
    default_algorithms: tuple[str, ...] = ()
    states: tuple[str, ...] = ("raw", "aligned")
    distance_label: str = "distance"
    perturbation_label: str = "perturbation"
    in_disorder: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()  # distributions whose versions go to the provenance

    # Models and training

    def takes(self, settings: M, inputs: Inputs) -> None:
        """Raise ValueError if a model of these settings cannot learn such inputs or labels."""
        return

    @abstractmethod
    def build(self, settings: M, inputs: Inputs, seed: Callable[..., np.random.SeedSequence]) -> Any:
        """The model of a disorder sample; seed(purpose, **what else names it) where something of it is drawn."""

    @abstractmethod
    def fit(self, model: Any, data: Any, algorithm: Algorithm, seed: Seed, compute: Any) -> Any:
        """Train a model: a solution with .error(data) and .history (records,), its train errors."""

    def data(self, patterns: Any, inputs: Inputs) -> Any:
        """What a problem gives, as the models of this family take it."""
        return patterns

    @abstractmethod
    def n_weights(self, settings: M, inputs: Inputs) -> int:
        """Number of parameters."""

    # Solutions as arrays

    @abstractmethod
    def variables(self) -> dict[str, Variable]:
        """What is stored of a solution besides its history."""

    @abstractmethod
    def lengths(self, settings: M, inputs: Inputs, algorithm: Algorithm) -> dict[str, Coordinate]:
        """The inner dimensions of these variables at one point of the grid; the file has the largest."""

    @abstractmethod
    def encode(self, solution: Any) -> dict[str, NDArray[Any]]:
        """A solution as arrays, of the variables that it has."""

    @abstractmethod
    def decode(self, model: Any, arrays: Arrays, algorithm: Algorithm | None = None) -> Any:
        """Undo `encode`; arrays may be padded, and hold "history" or not."""

    rebuilt_from: tuple[str, ...] = ("weights",)  # variables that `decode` needs
    latents: tuple[str, ...] = ()  # variables that are stored on demand, and handed to measures that use them

    # Symmetries

    def view(self, state: str, solutions: Sequence[Any]) -> list[Any]:
        """Solutions as they are compared in a symmetry state: as trained, or aligned to the first of them."""
        if state == self.states[0]:
            return list(solutions)
        align = getattr(self, "align")  # noqa: B009  a verb, which a family has or has not
        return [solutions[0], *(align(solution, solutions[0]) for solution in solutions[1:])]

    def symmetric(self, settings: M) -> bool:
        """Whether the states differ, and figures show all of them."""
        return len(self.states) > 1

    # Identity: plain data that names random streams and tasks, and changes with whatever changes their numbers

    def key(self, settings: M) -> dict[str, Any]:
        """What the model is, `in_disorder` apart."""
        return {key: value for key, value in settings.identity().items() if key not in self.in_disorder}

    def stream_key(self, purpose: str, measure: Any, compute: Any) -> dict[str, Any]:
        """What else changes the draws of a stream. purpose: "fit" (of training), or one of a measure's, whose settings
        are given too."""
        return {}

    # The rest has defaults

    def coordinates(self, settings: M) -> dict[str, tuple[float, str]]:
        """Numbers to plot against, with their meaning."""
        return {}

    def limits(self, settings: M, inputs: Inputs, algorithms: Sequence[Algorithm]) -> list[Limit]:
        """What must not be too large."""
        return []

    def warnings(self, settings: M, inputs: Inputs) -> list[str]:
        """Lines about settings that are allowed and unusual."""
        return []

    def summary(self, settings: M) -> str:
        """A few words for the headline of figures."""
        return settings.kind

    def check_ready(self, settings: M, compute: Any) -> None:
        """Raise now what every task would raise: libraries or devices that are missing here."""
        return

    def warm_up(self) -> None:
        """Whatever is to happen once on a machine, before workers start."""
        return

    def one_thread(self) -> AbstractContextManager[object]:
        """Context in which tasks run with one thread: workers share the machine, sums of floats may depend on it."""
        return threadpool_limits(1)

    def stamp(self) -> str:
        """Text that changes with the code behind the numbers, besides binland's own."""
        return ""


def has(family: Family[Any], verb: str) -> bool:
    """Whether a family has a verb."""
    return bool(getattr(family, verb, None))
