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
    """A family of models with their solutions, `[model] kind`; stateless, and the same in every process.

    kinds: its words in [model] kind. Settings: the table [model]. Compute: the table [compute], where and how training
    is computed. problem: the default of [data] kind. algorithms: words and classes that it trains, besides those that
    name one of its kinds in their `families`. states: symmetry states in which solutions are compared, the first being
    "as trained". distance_label, perturbation_label: axis labels of figures. in_disorder: keys of [model] that are also
    part of the identity of a disorder sample.

    Further methods are its verbs (align, distance, ...). A measure names the verbs that it needs; if one is missing,
    the measure is refused. What the built-in measures expect of a verb is at the top of their files.
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
        """Raise ValueError if a model with these settings cannot learn such inputs or labels."""
        return

    @abstractmethod
    def build(self, settings: M, inputs: Inputs, seed: Callable[..., np.random.SeedSequence]) -> Any:
        """The model of a disorder sample. seed(purpose, **more) gives the seed of whatever is drawn for it."""

    @abstractmethod
    def fit(self, model: Any, data: Any, algorithm: Algorithm, seed: Seed, compute: Any) -> Any:
        """Train a model; returns a solution with .error(data) and .history, its (records,) train errors."""

    def data(self, patterns: Any, inputs: Inputs) -> Any:
        """The patterns of a problem in the form that this family's models take."""
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
        """Lengths of the inner dimensions of these variables at a grid point; the file has room for the largest."""

    @abstractmethod
    def encode(self, solution: Any) -> dict[str, NDArray[Any]]:
        """A solution as arrays; variables that it does not have are left out."""

    @abstractmethod
    def decode(self, model: Any, arrays: Arrays, algorithm: Algorithm | None = None) -> Any:
        """The inverse of `encode`. Arrays may be padded; "history" may be missing."""

    rebuilt_from: tuple[str, ...] = ("weights",)  # variables that `decode` needs
    latents: tuple[str, ...] = ()  # variables that are stored on demand, and handed to measures that use them

    # Symmetries

    def view(self, state: str, solutions: Sequence[Any]) -> list[Any]:
        """The solutions in a symmetry state: as trained, or aligned to the first of them."""
        if state == self.states[0]:
            return list(solutions)
        align = getattr(self, "align")  # noqa: B009  a verb, which a family has or has not
        return [solutions[0], *(align(solution, solutions[0]) for solution in solutions[1:])]

    def symmetric(self, settings: M) -> bool:
        """Whether the symmetry states differ, so that figures show all of them."""
        return len(self.states) > 1

    # Identity: plain data that names random streams and tasks, and changes with whatever changes their numbers

    def key(self, settings: M) -> dict[str, Any]:
        """Plain data that say what the model is, without `in_disorder`."""
        return {key: value for key, value in settings.identity().items() if key not in self.in_disorder}

    def stream_key(self, purpose: str, measure: Any, compute: Any) -> dict[str, Any]:
        """Plain data: what else changes the draws of a stream.

        purpose: "fit" for training, or a purpose of a measure, whose settings are given as well.
        """
        return {}

    # The rest has defaults

    def coordinates(self, settings: M) -> dict[str, tuple[float, str]]:
        """Numbers to plot against, with their meaning."""
        return {}

    def limits(self, settings: M, inputs: Inputs, algorithms: Sequence[Algorithm]) -> list[Limit]:
        """Numbers that must not be too large: (number, of what, keys that set it)."""
        return []

    def warnings(self, settings: M, inputs: Inputs) -> list[str]:
        """Lines about settings that are allowed but unusual."""
        return []

    def summary(self, settings: M) -> str:
        """The model in a few words, for the headline of figures."""
        return settings.kind

    def check_ready(self, settings: M, compute: Any) -> None:
        """Raise at once what every task would raise: missing libraries or devices."""
        return

    def warm_up(self) -> None:
        """Whatever has to happen once on a machine before workers start."""
        return

    def one_thread(self) -> AbstractContextManager[object]:
        """Context with one thread for tasks: workers share the machine, and sums of floats may depend on the number."""
        return threadpool_limits(1)

    def stamp(self) -> str:
        """Text that changes with the code behind the numbers; binland's own code is covered already."""
        return ""


def has(family: Family[Any], verb: str) -> bool:
    """Whether a family has a verb."""
    return bool(getattr(family, verb, None))
