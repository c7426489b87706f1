"""Settings of guided paths for deep networks."""

from dataclasses import dataclass

from binland import orders as shallow


@dataclass(frozen=True, kw_only=True)
class Guided(shallow.Guided):
    """Settings of guided paths between deep networks: flips follow straight-through gradients of a smooth train error.

    As `binland.Guided`, with these differences: z is an output and H its fan-in; with several outputs their
    cross-entropy is used; signals pass every hidden unit with the weight of its window, behind a max-pool that of the
    largest entry. Gains of a layer are divided by their standard deviation, so that all layers advance together.

    Parameters
    ----------
    stages : int, default 600
        How many times gains are computed, 1 to 10^6.
    candidates : int, default 8
        Number of flips that may be tried for each one to be done, 1 to 10^6. With 1 no flip is postponed.
    forced : float, default 0.1
        Share of a stage's flips, in [0, 1], and at least one flip, that is done even if the errors rise.
    steepness : float, default 0.5
        Steepness s of the surrogate, above 0.
    window : float, default 2.0
        Width v of the window exp(-(Delta / v)^2 / 2) of the hidden units, above 0.
    guide : callable, optional
        Your own gains: ``guide(solution, places, data)`` returns d finite numbers for the places (d,) that still
        differ.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.Guided(stages=100).candidates
    8
    """

    stages: int = 600
    candidates: int = 8
    steepness: float = 0.5
    window: float = 2.0
