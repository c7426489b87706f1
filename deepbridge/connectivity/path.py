"""Values along a path, and the definitions of a barrier."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FRANKLE = 0.02  # smaller errors above the ends' count as no barrier (Frankle et al. 2020)


@dataclass(frozen=True, eq=False, repr=False)
class OnPath:
    """What is the same for all results along paths: errors, and four definitions of a barrier.

    ts: (T,) places, 0 at the start and 1 at the end. error_counts: (T,) int64, or None for functions without labels.
    losses: (T,).
    """

    ts: NDArray[np.float64]
    error_counts: Any
    n_patterns: int
    losses: NDArray[np.float64]

    @property
    def errors(self) -> Any:
        """Train errors, (T,) in [0, 1]; None for functions without labels."""
        return None if self.error_counts is None else self.error_counts / self.n_patterns

    @property
    def n_points(self) -> int:
        """Number of points T."""
        return len(self.ts)

    @property
    def barrier(self) -> float:
        """The highest train error from 0 to 1, ends included (Pittorino et al. 2022, 4.2); nan without labels."""
        return math.nan if self.error_counts is None else float(self.errors[self._between].max())

    @property
    def highest_loss(self) -> float:
        """The highest loss from 0 to 1, ends included."""
        return float(self.losses[self._between].max())

    @property
    def ainsworth(self) -> float:
        """Barrier of Git Re-Basin: highest loss from 0 to 1 minus the mean loss of the ends, in nats."""
        return self.highest_loss - self._ends(self.losses)

    @property
    def entezari(self) -> float:
        """Barrier of Entezari et al.: loss at t = 1/2 minus the mean loss of the ends; nan if 1/2 is not in `ts`."""
        return self._middle(self.losses) - self._ends(self.losses)

    @property
    def frankle(self) -> float:
        """Instability of Frankle et al. (2020): highest train error from 0 to 1 minus the mean error of the ends."""
        return math.nan if self.error_counts is None else self.barrier - self._ends(self.errors)

    @property
    def stable(self) -> bool:
        """Whether `frankle` is below 0.02, which its authors count as no barrier."""
        return self.frankle < FRANKLE

    @property
    def _between(self) -> NDArray[np.bool_]:
        return (self.ts >= 0) & (self.ts <= 1)

    def _ends(self, values: NDArray[Any]) -> float:
        return float(values[self.ts == 0][0] + values[self.ts == 1][0]) / 2

    def _middle(self, values: NDArray[Any]) -> float:
        here = values[self.ts == 0.5]
        return float(here[0]) if len(here) else math.nan
