"""The contract of a measure of finished solutions, `[measure.NAME]`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Coordinate, Variable

S = TypeVar("S", bound=Section)
Arrays = dict[str, NDArray[Any]]
Described = Mapping[str, Mapping[str, Any]]  # kind and settings of each algorithm, by its label
Latents = Literal["unused", "used", "needed"]


class OfPairs(Section):
    """Settings of a measure of pairs."""

    pairs: Literal["within", "all"] = Field(
        "within", description="pairs of solutions of one algorithm, or also of two different ones"
    )


@dataclass(frozen=True)
class Case:
    """What a measure works on: a family, its model, solutions of one disorder sample, their data and seeds.

    compute: the settings [compute]. seeds: one for each stream that the measure named. algorithms: by label.
    """

    family: Any
    model: Any
    solutions: Sequence[Any]
    data: Any  # has .train and .test, drawn at first use
    seeds: Mapping[str, np.random.SeedSequence]
    algorithms: Mapping[str, Algorithm]
    compute: Any

    @property
    def train(self) -> Any:
        """Training patterns."""
        return self.data.train

    @property
    def test(self) -> Any:
        """Test patterns."""
        return self.data.test

    def views(self) -> Iterator[tuple[str, list[Any]]]:
        """Name of each symmetry state of the family, with the solutions in it."""
        for state in self.family.states:
            yield state, self.family.view(state, self.solutions)


class Measure(ABC, Generic[S]):
    """A measure; stateless, and the same in every process. One object declares it.

    name: its table [measure.NAME]; also the kind of its tasks, and the beginning of NAME_state and NAME_seconds in
    files. of: number of solutions that it looks at: 1, every solution; 2, every directed pair of an algorithm's
    solutions; 3 or more, the first ones of an algorithm. Settings: class of its table; for pairs derived from OfPairs.
    by_default: whether it is measured if the configuration does not mention it. repeat: name of the dimension of
    repetitions, if there are any. latents: "needed", "used" if they are stored, or "unused". libraries: modules that it
    needs beyond those of the family; a sweep does not begin without them.
    """

    name: str
    of: int
    Settings: type[S]
    FigureSettings: type[Section] = Section  # [figure.NAME]
    by_default: bool = False
    repeat: str = ""
    latents: Latents = "unused"
    libraries: tuple[str, ...] = ()

    def needs(self, settings: S) -> tuple[str, ...]:
        """Names of the verbs that the family must have."""
        return ()

    @abstractmethod
    def variables(self, settings: S) -> dict[str, Variable]:
        """The variables that it stores. A dimension "symmetry" runs over the family's symmetry states."""

    def coordinates(self, settings: S) -> dict[str, Coordinate]:
        """Its inner dimensions, except "symmetry"."""
        return {}

    @abstractmethod
    def run(self, settings: S, case: Case) -> Arrays:
        """Measure; returns an array for every variable, without the dimensions of the grid."""

    def repeats(self, settings: S) -> int:
        """Number of repetitions, each with its own random streams."""
        return 1

    def streams(self, settings: S, states: Sequence[str], described: Described) -> dict[str, dict[str, Any]]:
        """Its random streams: name -> {"purpose": ..., everything else in the measure that changes the draws}.

        The engine adds what identifies the solutions, and what the family says about the purpose.
        """
        return {}

    def key(self, settings: S) -> dict[str, Any]:
        """Plain data: whatever changes its numbers and is not part of a stream."""
        return {key: value for key, value in settings.identity().items() if key != "pairs"}

    def test_patterns(self) -> bool:
        """Whether it uses test patterns."""
        return False

    def completed(self, settings: S, described: Described) -> S:
        """Settings with what follows from the algorithms filled in; raises ValueError if something is missing."""
        return settings

    def check_figure(self, settings: S, figure: Any) -> None:
        """Raise ValueError if the settings [figure.NAME] do not fit those of the measure."""
        return

    def most_weights(self, settings: S) -> int | None:
        """The largest number of weights of a model that it can handle; None for any."""
        return None

    def limits(self, settings: S) -> list[tuple[float, str, str]]:
        """Numbers of results of one task: (number, of what, keys that set it)."""
        return []

    def trainings(self, settings: S, states: Sequence[str]) -> dict[str, int]:
        """How many trainings one task makes, by label of the algorithm."""
        return {}

    def quick(self, settings: S) -> tuple[S, float]:
        """Settings with less work, and how many times longer the full ones take; for estimates of the time."""
        return settings, 1.0

    def panels(self, results: Any) -> "list[Any]":
        """Panels of the overview figure, as `plots.chart.Panel`. results: a `plots.results.Results`."""
        return []

    def figures(self, results: Any) -> "Iterator[tuple[str, Any]]":
        """Figures of its own: the ending of the file name, and the figure as a `plots.chart.Chart`."""
        return iter(())
