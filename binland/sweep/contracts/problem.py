"""The contract of a learning problem: what is learned, `[data] kind = "..."`."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from binland.sweep.contracts.section import Section

S = TypeVar("S", bound=Section)
Limit = tuple[float, str, str, float]  # how many, of what, by which settings, at most
SeedFor = Callable[[str], np.random.SeedSequence]  # the seed of a purpose, for one disorder sample


class Inputs(NamedTuple):
    """What a model has to take.

    shape: of one input, such as (N,) or (channels, height, width). n_classes: 2 stands for labels -1 and +1, more for
    labels 0, 1, ... values: "signs" if all inputs are -1 or +1, "reals" otherwise.
    """

    shape: tuple[int, ...]
    n_classes: int = 2
    values: str = "signs"


class Problem(ABC, Generic[S]):
    """A learning problem; stateless, and the same in every process. One object declares it.

    name: its word in [data] kind. Settings: its other keys in [data]. Its draws depend on the settings and on the seeds
    that it is given, on nothing else. What `train` and `test` return has `.inputs` (P, *shape) and `.labels` (P,).
    """

    name: str
    Settings: type[S]
    libraries: tuple[str, ...] = ()  # distributions whose versions go to the provenance

    @abstractmethod
    def inputs(self, settings: S) -> Inputs:
        """Shape and kind of inputs and labels."""

    @abstractmethod
    def train(self, settings: S, seed: SeedFor) -> Any:
        """The training patterns of a disorder sample; seed("train") is the seed for this purpose."""

    @abstractmethod
    def test(self, settings: S, seed: SeedFor) -> Any:
        """Its test patterns."""

    def key(self, settings: S) -> dict[str, Any]:
        """What names a disorder sample: all that changes its training patterns. A new way to draw needs a new key."""
        return {"kind": self.name, **settings.identity()}

    def test_key(self, settings: S) -> dict[str, Any]:
        """What else changes its test patterns; leave it out of `key`."""
        return {}

    def coordinates(self, settings: S) -> dict[str, tuple[float, str]]:
        """Numbers to plot against, with their meaning, such as P / N."""
        return {}

    def limits(self, settings: S) -> list[Limit]:
        """What must not be too large."""
        return []

    def warnings(self, settings: S) -> list[str]:
        """Lines about settings that are allowed and unusual."""
        return []

    def check_ready(self, settings: S) -> None:
        """Raise now what every task would raise: data files that are missing, memory that does not suffice."""
        return

    def check_samples(self, settings: S, disorder_samples: int) -> None:
        """Raise ValueError if there are not so many disorder samples."""
        return

    def summary(self, settings: S) -> str:
        """A few words for the headline of figures."""
        return self.name
