"""Simulated annealing and replicated simulated annealing as plain settings."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from binland.checks import one_of, positive, positive_int, true_or_false
from binland.sweep.contracts.algorithm import Algorithm

if TYPE_CHECKING:
    from binland.rng import Seed


@dataclass(frozen=True, kw_only=True)
class SimulatedAnnealing(Algorithm):
    """Simulated annealing: single flips by Metropolis' rule at a falling temperature; replicated if there are several.

    The defaults are for perceptrons. Committee machines want energy="errors" and temperature=0.2, which solve one of
    the paper's size (N = 1001, H = 101) in 0.2 s instead of 53 s; "errors" of perceptrons want a temperature near 1.

    Replicas w_a are drawn from exp(-sum_a E(w_a) / T) prod_i 2 cosh(gamma sum_a w_a,i), the robust ensemble with its
    centre traced out (Baldassi et al., PNAS 113, E7655, 2016); the solution is their centre, the signs of their sum,
    sign(0) = +1. Several do best at final_temperature=0.1: of 10 problems with random labels, N = 1001 and alpha = 0.6,
    three replicas solve 10 in 3333 sweeps, and one solves 2 in 10 000.

    Parameters
    ----------
    sweeps : int
        Sweeps of as many tries as all replicas have weights; each try proposes to flip one that is drawn uniformly.
    temperature : float
        T at first, in units of the energy; it falls linearly, sweep by sweep.
    final_temperature : float
        T at the end; at 0 no flip is made that costs energy.
    energy : {"stability", "errors"}
        "stability": E = sum over patterns of max(0, margin - y z), the linear energy of Gardner and Derrida (1988),
        with the output z = w . x / sqrt(N) of a perceptron, sum_h c_h sign(w_h . x) / sqrt(H) of a committee machine.
        "errors": the number of errors. Both are counted exactly, in errors, or in steps of z, 2 / sqrt(N) or
        2 / sqrt(H): as many as a pattern needs to get to the first value that has the margin.
    margin : float
        kappa of the stability.
    replicas : int
        Number of replicas, y. One is plain simulated annealing, whatever the coupling.
    coupling : float
        gamma at the end; it grows linearly from 0 over the sweeps.
    records : int
        How often, evenly over the run, the train error is recorded.
    stop_at_zero_error : bool
        Whether to end at the first record without an error, or, with one replica, at the first try that reaches zero
        energy.

    Raises
    ------
    InvalidInputError
        On values out of range.

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(100, 201, seed=0)
    >>> bl.fit(bl.Perceptron(201), patterns, bl.SimulatedAnnealing(), seed=0).error(patterns)
    0.0
    """

    families = ("perceptron", "committee")

    sweeps: int = 10_000
    temperature: float = 0.13
    final_temperature: float = 0.05
    energy: Literal["stability", "errors"] = "stability"
    margin: float = 0.18
    replicas: int = 1
    coupling: float = 1.5
    records: int = 100
    stop_at_zero_error: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "sweeps", positive_int("sweeps", self.sweeps, minimum=0))
        for name in ("replicas", "records"):
            object.__setattr__(self, name, positive_int(name, getattr(self, name)))
        for name in ("temperature", "final_temperature", "margin", "coupling"):
            object.__setattr__(self, name, positive(name, getattr(self, name), zero=True))
        object.__setattr__(self, "energy", one_of("energy", self.energy, ("stability", "errors")))
        true_or_false("stop_at_zero_error", self.stop_at_zero_error)

    def init_bound(self, n_inputs: int, n_hidden: int) -> float:
        """1: only the signs of latents to begin with are used."""
        return 1.0

    @property
    def n_records(self) -> int:
        """Length of the history; stop_at_zero_error may make it shorter."""
        return min(self.records, self.sweeps)

    @property
    def n_steps(self) -> int:
        """Sweeps."""
        return self.sweeps

    def shortened(self, n: int) -> Self:
        """A copy of at most n sweeps."""
        return replace(self, sweeps=min(self.sweeps, n))

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> Any:
        """As `binland.fit`, which says what the arguments are; of `start` only the signs are used."""
        from binland.algorithms.metropolis import run  # numba takes seconds, settings none

        return run(machine, data, self, seed, start)
