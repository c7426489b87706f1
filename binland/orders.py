"""The order in which a shortest path flips the weights: random, guided, annealed, or the best of all orders."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from binland.checks import LARGEST, fraction, one_of, positive, positive_int
from binland.errors import InvalidInputError, shown

Places = NDArray[np.int64]
Guide = Callable[[Any, Places, Any], Any]
MOST = 10**6  # stages, candidates


@dataclass(frozen=True, kw_only=True)
class Guided:
    """Settings of guided paths: the flips that most reduce a smooth version of the train error come first.

    At each of about `stages` stages every remaining flip gets a gain, the first-order decrease of a smooth surrogate of
    the train error at the place where the path stands. The flips with the largest gains are tried in that order. A flip
    that raises the number of errors above that of the worse end, and above that of the step before, is postponed.

    Parameters
    ----------
    stages : int, default 100
        How many times gains are computed, 1 to 10^6. Each stage does an equal part of the flips; more stages follow if
        postponed flips are left.
    candidates : int, default 4
        Number of flips that may be tried for each one to be done, 1 to 10^6. With 1 no flip is postponed.
    forced : float, default 0.1
        Share of a stage's flips, in [0, 1], and at least one flip, that is done even if the errors rise. It bounds the
        number of stages by stages / forced, or by one for each flip.
    steepness : float, default 1.0
        s of the surrogate, above 0. A pattern has the weight sigma(-s z / sqrt(H)), where z is the sum of the H votes
        for its label and sigma the logistic function.
    window : float, default 0.5
        v of the surrogate, above 0. A hidden unit takes part with the weight exp(-(Delta / v)^2 / 2), where
        Delta = w . x / sqrt(N) is its pre-activation.
    guide : callable, optional
        Your own gains instead of the surrogate's: ``guide(solution, places, patterns)`` returns d finite numbers.
        `solution` is where the path stands; `places`, (d,) int64 in ascending order, are the flat indices of the
        weights that still differ from the end. Equal gains are done in the order of `places`.

    Raises
    ------
    InvalidInputError
        If a setting is out of range or the guide is not callable.

    See Also
    --------
    shortest_path, barrier : take it as ``order``.

    Examples
    --------
    >>> import binland as bl
    >>> bl.Guided(stages=400).stages
    400
    """

    stages: int = 100
    candidates: int = 4
    forced: float = 0.1
    steepness: float = 1.0
    window: float = 0.5
    guide: Guide | None = None

    def __post_init__(self) -> None:
        for name in ("stages", "candidates"):
            value = positive_int(name, getattr(self, name))
            if value > MOST:
                raise InvalidInputError(f"{name}={value} is more than {MOST}; choose less")
            object.__setattr__(self, name, value)
        object.__setattr__(self, "forced", fraction("forced", self.forced))
        for name in ("steepness", "window"):
            object.__setattr__(self, name, positive(name, getattr(self, name)))
        if self.guide is not None and not callable(self.guide):
            raise InvalidInputError(
                f"guide={shown(self.guide)} is not a function guide(solution, places, patterns) -> gains"
            )


@dataclass(frozen=True, kw_only=True)
class Annealed:
    """Settings of annealed paths: local moves on the order of the flips, with exact errors.

    A move takes one flip out of the order and puts it elsewhere. The energy of an order is the sum, over all points of
    the path, of (errors above those of the worse end)^2. Moves are made near points where this is not zero and accepted
    by Metropolis' rule; they end when the energy is zero. The order with the lowest barrier is kept, and among those
    the one with the lowest energy.

    Parameters
    ----------
    start : {"guided", "random"} or Guided, default "guided"
        The order to begin with; "guided" stands for `Guided` with the defaults of the package whose path it is.
    budget : int, default 1_000_000
        Flips that all moves together may take, at least 1; the last moves may exceed it.
    reach : int, default 300
        How many places a flip may move in either direction, at least 1.
    temperature : float, default 1.0
        Temperature at the beginning, in the unit of the energy, 0 or more; it falls linearly to zero with the budget.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    See Also
    --------
    shortest_path, barrier : take it as ``order``.

    Examples
    --------
    >>> import binland as bl
    >>> bl.Annealed(budget=10_000).reach
    300
    """

    start: Literal["guided", "random"] | Guided = "guided"
    budget: int = 1_000_000
    reach: int = 300
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if not isinstance(self.start, Guided):
            object.__setattr__(self, "start", one_of("start", self.start, ("guided", "random")))
        object.__setattr__(self, "budget", positive_int("budget", self.budget))
        object.__setattr__(self, "reach", positive_int("reach", self.reach))
        object.__setattr__(self, "temperature", positive("temperature", self.temperature, zero=True))


Order = Literal["random", "guided", "annealed", "exact"] | Guided | Annealed
WORDS = ("random", "guided", "annealed", "exact")


def as_order(order: object, guided: type[Guided] = Guided) -> Order:
    """An order as settings: "guided" and "annealed" become theirs, "random" and "exact" stay words.

    guided: class of the settings that "guided" stands for. Raises InvalidInputError on anything else.
    """
    if isinstance(order, (Guided, Annealed)):
        return order
    if not isinstance(order, str) or order not in WORDS:
        raise InvalidInputError(
            f"order={shown(order)} is not one of {', '.join(map(repr, WORDS))}, nor a Guided(...) or Annealed(...)"
        )
    named: dict[str, Order] = {"guided": guided(), "annealed": Annealed(), "random": "random", "exact": "exact"}
    return named[order]


def is_drawn(order: Order) -> bool:
    """Whether the order depends on the seed."""
    return order == "random" or isinstance(order, Annealed)


def n_orders(orders: object, order: Order, most: int = LARGEST) -> int:
    """Number of paths of a barrier; None stands for 5 if the order depends on the seed, else for 1.

    Raises InvalidInputError if it is not a number from 1 to `most`, or above 1 where all paths would be the same.
    """
    if orders is None:
        return 5 if is_drawn(order) else 1
    count = positive_int("orders", orders)
    if count > most:
        raise InvalidInputError(f"orders={count} is more than {most}; choose less")
    if count > 1 and not is_drawn(order):
        kind = "guided" if isinstance(order, Guided) else order
        raise InvalidInputError(f"orders={count}, but a path has one {kind} order, whatever the seed: leave orders out")
    return count
