"""Settings of guided orders for deep networks."""

from dataclasses import dataclass

from binland import orders as shallow


@dataclass(frozen=True, kw_only=True)
class Guided(shallow.Guided):
    """Settings of guided orders, by straight-through gradients of a smooth count of the errors.

    As in `binland.Guided`, but z is an output, H its fan-in, of several outputs their cross-entropy counts, and the
    signal of every hidden unit is multiplied by the window of its field, behind a max-pool of the largest one, where
    the signal goes to. The gains of each layer are divided by their standard deviation, so that no layer waits for
    another. guide: of one's own, guide(solution, places, data) -> gains (d,). Raises InvalidInputError on values out of
    range.
    """

    stages: int = 600
    candidates: int = 8
    steepness: float = 0.5
    window: float = 2.0
