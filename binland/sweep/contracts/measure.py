"""The contract of a measure: what is asked of finished solutions, `[measure.NAME]`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from binland.sweep.contracts.algorithm import Algorithm
from binland.sweep.contracts.section import Section
from binland.sweep.contracts.variable import Coordinate, Variable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    """What a measure is given: a family and its solutions of one disorder sample, their data and random streams.

    compute: the settings of [compute]. seeds: of each stream that the measure named. algorithms: by label.
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
        """The solutions in every symmetry state of the family, with its name."""
        for state in self.family.states:
            yield state, self.family.view(state, self.solutions)


class Measure(ABC, Generic[S]):
    """A measure; stateless, and the same in every process. One object declares it.

    name: its table [measure.NAME], the kind of its tasks, the beginning of NAME_state and NAME_seconds in files. of:
    the number of solutions that it looks at: 1, every solution; 2, every directed pair of an algorithm's solutions; 3
    or more, an algorithm's first ones. Settings: its table; of pairs, derived from OfPairs. by_default: whether it is
    measured where the configuration does not mention it. repeat: name of what is repeated for each group of solutions,
    if something is. latents: whether the latent weights are "used" if they are stored, or "needed".
    """

    name: str
    of: int
    Settings: type[S]
    FigureSettings: type[Section] = Section  # [figure.NAME]
    by_default: bool = False
    repeat: str = ""
    latents: Latents = "unused"

    def needs(self, settings: S) -> tuple[str, ...]:
        """Verbs that the family must have."""
        return ()

    @abstractmethod
    def variables(self, settings: S) -> dict[str, Variable]:
        """What it stores; a family's symmetry states are the dimension "symmetry"."""

    def coordinates(self, settings: S) -> dict[str, Coordinate]:
        """Its inner dimensions, "symmetry" apart."""
        return {}

    @abstractmethod
    def run(self, settings: S, case: Case) -> Arrays:
        """Measure: an array for every variable, without the dimensions of the grid."""

    def repeats(self, settings: S) -> int:
        """How often, each with streams of its own."""
        return 1

    def streams(self, settings: S, states: Sequence[str], described: Described) -> dict[str, dict[str, Any]]:
        """Its random streams: name -> {"purpose": what it is for, ...}, all of the measure that may change the draws.

        What names the solutions is added to it, and so is what the family says of the purpose.
        """
        return {}

    def key(self, settings: S) -> dict[str, Any]:
        """What changes its numbers and is in none of its streams."""
        return {key: value for key, value in settings.identity().items() if key != "pairs"}

    def test_patterns(self) -> bool:
        """Whether it looks at test patterns."""
        return False

    def completed(self, settings: S, described: Described) -> S:
        """Settings with what follows from the algorithms filled in; raises ValueError if something is missing."""
        return settings

    def check_figure(self, settings: S, figure: Any) -> None:
        """Raise ValueError if settings of its figures, [figure.NAME], do not fit its own."""
        return

    def most_weights(self, settings: S) -> int | None:
        """The largest number of weights of a model that it can look at; None for any."""
        return None

    def limits(self, settings: S) -> list[tuple[float, str, str]]:
        """Numbers that one task gives: how many, of what, by which keys."""
        return []

    def trainings(self, settings: S, states: Sequence[str]) -> dict[str, int]:
        """Labels of algorithms that one task trains with, and how often."""
        return {}

    def quick(self, settings: S) -> tuple[S, float]:
        """Settings of less work, and how many times as long the full ones take: for estimates of the time."""
        return settings, 1.0

    def panels(self, results: Any) -> "list[Any]":
        """Panels of the overview figure: functions that draw into given axes."""
        return []

    def figures(self, results: Any) -> "Iterator[tuple[str, Figure]]":
        """Figures of its own: the ending of their file names, and the figure."""
        return iter(())
