"""In which order a shortest path flips the weights: at random, guided, annealed, or the best of all orders."""

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
    """Settings of guided orders: at every stage the flips with the largest gains, by the gradient of a surrogate.

    stages: how often gains are computed; each stage is to do an equal part of the flips. More stages follow if flips
    are left. candidates: flips that may be tried for each that is to be done. One that leads to more errors than both
    the worse end and the step before is postponed; 1 postpones none. forced: share, 0 to 1, of a stage's flips, and one
    at least, that are done nevertheless if the candidates do not suffice; the others wait for later stages, at most
    stages / forced in all, or one for each flip.
    steepness, window: of the surrogate. A pattern counts as much as sigma(-steepness z / sqrt(H)), z the sum of the H
    votes for its label; for the field of a unit this is multiplied by exp(-(Delta / window)^2 / 2), Delta = w . x /
    sqrt(N). guide: another one, guide(solution, places, patterns) -> gains (d,), real numbers. `solution` is where the
    path stands, places (d,) int64 are flat indices of the weights that still differ from the end, in ascending order.
    Of equal gains the first place is taken first. Raises InvalidInputError on values out of range.
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
    """Settings of annealed orders: local moves on the order of the flips, with exact errors.

    A move takes one flip out of the order and puts it in elsewhere. The energy is the sum over all states of the path
    of the square of the errors above those of the worse end; moves are made where it is not zero, by Metropolis' rule,
    and end as soon as it is zero. The order with the lowest barrier, and of these with the lowest energy, is kept.
    start: the order to begin with, "random", "guided" (the default settings of the package whose paths these are) or a
    `Guided(...)`. budget: flips that are made in all; the last moves may overrun it. reach: how far a flip may move to
    either side. temperature: at first, in units of the energy; it falls linearly to zero with the budget.
    Raises InvalidInputError on values out of range.
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
    """Settings of a word, "random" and "exact" as they are; raises InvalidInputError on anything else.

    guided: class of the settings that "guided" stands for.
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
    """Whether another seed gives another order."""
    return order == "random" or isinstance(order, Annealed)


def n_orders(orders: object, order: Order, most: int = LARGEST) -> int:
    """The number of orders of a barrier, by default 5 of those that are drawn and 1 of the others.

    Raises InvalidInputError if it is no number, or several of one that no seed changes.
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
