"""Base class of training algorithms: settings that know how to train."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from binland.rng import Seed


class Algorithm(ABC):
    """Base class of training algorithms, built-in and your own.

    A subclass is a frozen, keyword-only dataclass. Its fields are the settings, and the keys of a table
    [algorithms.NAME] in the configuration of a sweep; its class name is the word for ``kind`` there. Settings are
    numbers, texts, truth values or tuples of them, checked in ``__post_init__``. Equal settings, data and seeds must
    give equal results.

    Attributes
    ----------
    families : tuple of str
        Class attribute: the machines that it trains, as words of [model] kind, for example ("perceptron", "committee").
    recipe : int
        Class attribute, 1 by default. Raise it when you change how settings and seeds become numbers; then files of
        sweeps made with the older code are not continued with the new one.
    added : tuple of str
        Class attribute: settings that a later version of the class has and earlier ones had not. At their defaults they
        name nothing, so that files of earlier versions stay valid, and seeds stay the same.

    Examples
    --------
    >>> import binland as bl, numpy as np
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Coin(bl.Algorithm):
    ...     '''Random weights.'''
    ...
    ...     families = ("perceptron", "committee")
    ...
    ...     def fit(self, machine, data, seed, start=None):
    ...         weights = np.random.default_rng(seed).choice([-1, 1], machine.weight_shape)
    ...         return bl.Solution(machine, weights)
    >>> bl.fit(bl.Perceptron(21), bl.Patterns.random(10, 21, seed=0), Coin(), seed=0).weights.shape
    (21,)
    """

    families: ClassVar[tuple[str, ...]] = ()
    recipe: ClassVar[int] = 1
    added: ClassVar[tuple[str, ...]] = ()

    @property
    def n_records(self) -> int:
        """Length of the history of a complete run; 1 unless a subclass says otherwise."""
        return 1

    @property
    def n_steps(self) -> int:
        """Work of a complete run in any unit, such as epochs of all phases; 1 unless a subclass says otherwise."""
        return 1

    def shortened(self, n: int) -> Self:
        """A copy in which no phase takes more than n units of work.

        Sweeps time short runs and foretell from n_steps how long complete ones take.

        Parameters
        ----------
        n : int
            Units of work, 0 or more.

        Returns
        -------
        Algorithm
            The shortened settings; the algorithm itself unless a subclass says otherwise.
        """
        return self

    @abstractmethod
    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> Any:
        """Train a machine.

        Parameters
        ----------
        machine : Perceptron, CommitteeMachine or another model
            A model of one of the `families`.
        data : Patterns or other data
            Train data that fit the machine.
        seed : int, SeedSequence or Generator
            Fixes everything that is drawn.
        start : numpy.ndarray, optional
            Continuous weights of the machine's shape to begin with. An algorithm that cannot use them raises
            InvalidInputError instead of ignoring them.

        Returns
        -------
        Solution
            The best or last weights of the run, whether or not they have reached zero error.

        Notes
        -----
        To accept the callbacks of `binland.fit`, a subclass takes one more argument, ``callback=None``, calls it with a
        `binland.TrainingState` after every epoch and ends where it returns True. Without the argument `binland.fit`
        refuses a callback.
        """
