"""A training algorithm as settings that know how to train: what `fit` and sweeps need of it."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from binland.rng import Seed


class Algorithm(ABC):
    """Base of the settings of a training algorithm; a subclass is a frozen, keyword-only dataclass.

    Its fields are the settings, keys of a table of [algorithms] in a configuration, where the name of the class is its
    kind: plain numbers, texts, truth values, or tuples of them, checked in __post_init__. Equal settings, data and
    seeds are to give equal numbers.
    families: the machines that it trains, as words of [model] kind. recipe: the number of the way in which settings and
    seeds become numbers; whoever changes that way raises it, so that sweeps tell older files apart.
    """

    families: ClassVar[tuple[str, ...]] = ()
    recipe: ClassVar[int] = 1

    @property
    def n_records(self) -> int:
        """Length of the history that a whole run records: one train error, if nothing else is said."""
        return 1

    @property
    def n_steps(self) -> int:
        """Units of work of a whole run, such as the epochs of all its phases: one, if nothing else is said."""
        return 1

    def shortened(self, n: int) -> Self:
        """A copy in which no phase takes more than n >= 0 units of work; itself, if nothing else is said.

        Sweeps time it, and foretell from n_steps how long whole runs will take.
        """
        return self

    @abstractmethod
    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> Any:
        """Train a machine: a solution of it, the best or last of the run, whether or not it has reached zero error.

        machine, data: of one of the families, and fitting each other. seed: of everything that is drawn. start: None,
        or continuous weights of the machine's shape to begin with; an algorithm that cannot begin anywhere raises
        InvalidInputError rather than pass over it.
        """
