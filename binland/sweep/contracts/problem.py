"""The contract of a learning problem, `[data] kind = "..."`."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from binland.sweep.contracts.section import Section

S = TypeVar("S", bound=Section)
Limit = tuple[float, str, str, float]  # how many, of what, by which settings, at most
SeedFor = Callable[[str], np.random.SeedSequence]  # the seed of a purpose, for one disorder sample


class Inputs(NamedTuple):
    """What a model has to be able to take.

    shape: of one input, such as (N,) or (channels, height, width). n_classes: 2 for labels -1 and +1, more for labels
    0, 1, ... values: "signs" if all inputs are -1 or +1, else "reals".
    """

    shape: tuple[int, ...]
    n_classes: int = 2
    values: str = "signs"


class Problem(ABC, Generic[S]):
    """A learning problem; stateless, and the same in every process. One object declares it.

    name: its word in [data] kind. Settings: class of the other keys in [data]. What it draws depends only on settings
    and seeds. What `train` and `test` return has `.inputs` (P, *shape) and `.labels` (P,).
    """

    name: str
    Settings: type[S]
    libraries: tuple[str, ...] = ()  # distributions whose versions go to the provenance

    @abstractmethod
    def inputs(self, settings: S) -> Inputs:
        """Shape and kind of inputs and labels."""

    @abstractmethod
    def train(self, settings: S, seed: SeedFor) -> Any:
        """The train patterns of a disorder sample; seed("train") is their seed."""

    @abstractmethod
    def test(self, settings: S, seed: SeedFor) -> Any:
        """The test patterns of a disorder sample."""

    def key(self, settings: S) -> dict[str, Any]:
        """Plain data that identify a disorder sample: all that changes its train patterns, the way to draw included."""
        return {"kind": self.name, **settings.identity()}

    def test_key(self, settings: S) -> dict[str, Any]:
        """Plain data: what else changes the test patterns. It must not be in `key`."""
        return {}

    def coordinates(self, settings: S) -> dict[str, tuple[float, str]]:
        """Numbers to plot against, with their meaning, such as P / N."""
        return {}

    def limits(self, settings: S) -> list[Limit]:
        """Numbers that must not be too large: (number, of what, keys that set it)."""
        return []

    def warnings(self, settings: S) -> list[str]:
        """Lines about settings that are allowed but unusual."""
        return []

    def check_ready(self, settings: S) -> None:
        """Raise at once what every task would raise: missing data files, too little memory."""
        return

    def check_samples(self, settings: S, disorder_samples: int) -> None:
        """Raise ValueError if there cannot be so many disorder samples."""
        return

    def summary(self, settings: S) -> str:
        """The problem in a few words, for the headline of figures."""
        return self.name
