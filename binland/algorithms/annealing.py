"""Simulated annealing and replicated simulated annealing, as settings."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from binland.checks import one_of, positive, positive_int, true_or_false
from binland.sweep.contracts.algorithm import Algorithm

if TYPE_CHECKING:
    from binland.callbacks import Callback
    from binland.rng import Seed


@dataclass(frozen=True, kw_only=True)
class SimulatedAnnealing(Algorithm):
    """Simulated annealing: single flips by Metropolis' rule at a falling temperature, with one or several replicas.

    A sweep tries as many flips, of uniformly drawn weights, as there are weights (of all replicas). The solution has no
    latents. With several replicas it is their centre, the signs of their sum, and they are kept in
    ``solution.replicas``.

    Parameters
    ----------
    sweeps : int, default 10_000
        Number of sweeps, 0 or more.
    temperature : float, default 0.13
        Temperature at the beginning, 0 or more, in the unit of the energy; it falls linearly, sweep by sweep. The
        default is for energy="stability"; energy="errors" of a perceptron needs about 1.
    final_temperature : float, default 0.05
        Temperature at the end, 0 or more. At 0 no flip is made that costs energy. Several replicas do best at 0.1.
    energy : {"stability", "errors"}, default "stability"
        "stability": sum over patterns of max(0, margin - y z), where z is w . x / sqrt(N) of a perceptron and sum_h c_h
        sign(w_h . x) / sqrt(H) of a committee machine. "errors": the number of errors. Committee machines do best with
        energy="errors" and temperature=0.2.
    margin : float, default 0.18
        Margin of the energy "stability", 0 or more. Energies are counted in whole steps of z, 2 / sqrt(N) or 2 /
        sqrt(H): how many steps a pattern lacks to the first value of z that has the margin.
    replicas : int, default 1
        Number y of replicas, at least 1. They are drawn from exp(-sum_a E(w_a) / T) prod_i 2 cosh(gamma sum_a w_a,i),
        the robust ensemble with its centre summed over.
    coupling : float, default 1.5
        gamma at the end, 0 or more; it grows linearly from 0. Without effect on a single replica.
    records : int, default 100
        Number of times, evenly over the run, that the train error is recorded in the history; at least 1, and at most
        one record for each sweep is made.
    stop_at_zero_error : bool, default True
        Whether to stop at the first record without a train error or, with a single replica, at the first flip that
        reaches zero energy.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    Notes
    -----
    Of 10 problems with random labels, N = 1001 and alpha = 0.6, three replicas with final_temperature=0.1 solve 10 in
    3333 sweeps, and one replica solves 2 in 10 000.

    References
    ----------
    Energy: Gardner and Derrida, J. Phys. A 21, 271 (1988). Replicas: Baldassi et al., PNAS 113, E7655 (2016).

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
        """Size of latents made from weights: 1, since annealing uses only the signs of a start.

        Parameters
        ----------
        n_inputs, n_hidden : int
            Not used.

        Returns
        -------
        float
            1.0
        """
        return 1.0

    @property
    def n_records(self) -> int:
        """Length of the history, or less with stop_at_zero_error."""
        return min(self.records, self.sweeps)

    @property
    def n_steps(self) -> int:
        """Number of sweeps."""
        return self.sweeps

    def shortened(self, n: int) -> Self:
        """A copy with at most n sweeps.

        Parameters
        ----------
        n : int
            Largest number of sweeps.

        Returns
        -------
        SimulatedAnnealing
            The shortened settings.
        """
        return replace(self, sweeps=min(self.sweeps, n))

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None, callback: "Callback | None" = None) -> Any:
        """Train a machine; `binland.fit` is the usual way to call it.

        Parameters
        ----------
        machine : Perceptron or CommitteeMachine
            The architecture.
        data : Patterns
            Train patterns.
        seed : int, SeedSequence or Generator
            Fixes everything that is drawn.
        start : numpy.ndarray of shape machine.weight_shape, optional
            Weights to begin with, of which only the signs are used.
        callback : callable, optional
            Called with a `TrainingState` after every record of the history; the training ends where it returns True.

        Returns
        -------
        Solution
            The last weights, or the centre of the replicas.
        """
        from binland.algorithms.metropolis import run  # numba takes seconds, settings none

        return run(machine, data, self, seed, start, callback)
