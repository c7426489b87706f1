"""SGD, RSGD and ADV for binary weights, as settings; the defaults are the paper's (section 3.2, appendix B).

What the paper leaves open is an option: straight-through window, clip of the latents, width of the initialisation,
output scale, form and schedule of the replica coupling, early stop. Latents are integers in units of a power of two
(`fixed_point.unit_of`). The step that a pattern asks of a latent is rounded once to such an integer; all that follows
is exact.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from binland.checks import one_of, positive, positive_int, true_or_false
from binland.errors import InvalidInputError, shown
from binland.sweep.contracts.algorithm import Algorithm

if TYPE_CHECKING:
    from binland.callbacks import Callback
    from binland.rng import Seed


@dataclass(frozen=True, kw_only=True)
class SGD(Algorithm):
    """Stochastic gradient descent for binary weights (BinaryNet), without momentum: settings for `fit`.

    Continuous latents are trained; the machine computes with their signs. The loss is the binary cross-entropy of the
    output, averaged over a mini-batch; the gradient passes a sign as if it were linear near zero ("straight-through").

    Parameters
    ----------
    learning_rate : float, default 1.0
        Step size, times the mean gradient of a mini-batch; above 0.
    epochs : int, default 200
        Passes over the patterns, 0 or more.
    batch_size : int, default 100
        Patterns in a mini-batch, at least 1; the last one of an epoch may have fewer.
    ste_window : float, default 1.0
        The straight-through gradient of sign(Delta), Delta = w . x / sqrt(N), is 1 where ``|Delta| <= ste_window`` and
        else 0. Above 0; math.inf passes everything. The perceptron has no hidden sign and does not use it.
    clip : float, default 1.0
        Latents are kept in [-clip, clip]; above 0.
    init_width : float, default 0.25
        Latents start uniform in [-b, b] with b = init_width sqrt(6 / (N + H)); 1 is Xavier's width. Above 0.
    output_scale : float, default 1.0
        Factor of the logit; above 0. The logit is sum_h c_h sign(Delta_h) of a committee machine, w . x / sqrt(N) of a
        perceptron, times this factor.
    stop_at_zero_error : bool, default False
        Whether to stop after the first epoch without a train error.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Hubara et al., Binarized Neural Networks, NeurIPS 2016. Pittorino et al., Deep Networks on Toroids, ICML 2022,
    section 3.2 and appendix B.

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(20, 101, seed=0)
    >>> solution = bl.fit(bl.Perceptron(101), patterns, bl.SGD(epochs=50), seed=0)
    >>> solution.error(patterns), len(solution.history)
    (0.0, 50)
    """

    families = ("perceptron", "committee")
    recipe = 3  # 1 was float32, 2 integers in a finer unit, 3 is exact integers

    learning_rate: float = 1.0
    epochs: int = 200
    batch_size: int = 100
    ste_window: float = 1.0
    clip: float = 1.0
    init_width: float = 0.25
    output_scale: float = 1.0
    stop_at_zero_error: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "epochs", positive_int("epochs", self.epochs, minimum=0))
        object.__setattr__(self, "batch_size", positive_int("batch_size", self.batch_size))
        for name in ("learning_rate", "ste_window", "clip", "init_width", "output_scale"):
            object.__setattr__(self, name, positive(name, getattr(self, name), infinite=name == "ste_window"))
        true_or_false("stop_at_zero_error", self.stop_at_zero_error)

    def init_bound(self, n_inputs: int, n_hidden: int) -> float:
        """Half-width b of the uniform initialisation in [-b, b].

        Parameters
        ----------
        n_inputs, n_hidden : int
            Numbers of inputs N and hidden units H.

        Returns
        -------
        float
            b = init_width sqrt(6 / (N + H)).
        """
        return self.init_width * math.sqrt(6 / (n_inputs + n_hidden))

    @property
    def n_records(self) -> int:
        """Length of the history: the number of epochs, or fewer with stop_at_zero_error."""
        return self.epochs

    @property
    def n_steps(self) -> int:
        """Number of epochs of all phases."""
        return self.epochs

    def shortened(self, n: int) -> Self:
        """A copy with at most n epochs.

        Parameters
        ----------
        n : int
            Largest number of epochs.

        Returns
        -------
        SGD
            The shortened settings, of the same class.
        """
        return replace(self, epochs=min(self.epochs, n))

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
            Latents to begin with, clipped.
        callback : callable, optional
            Called with a `TrainingState` after every epoch; the training ends where it returns True.

        Returns
        -------
        Solution
            The trained weights.
        """
        from binland.algorithms.training import train  # numba takes seconds, settings none

        check_algorithm(self)
        return train(machine, data, self, seed, start, callback)


@dataclass(frozen=True, kw_only=True)
class RSGD(SGD):
    """Replicated SGD: coupled replicas are trained together, and their centre is the solution; it finds flat solutions.

    Replicas start from independent latents and shuffle the patterns independently. They are pulled to their mean by w_a
    <- w_a - learning_rate gamma(t) (w_a - mean_b w_b), gamma(t) = coupling coupling_growth^t, t the epoch from 0. The
    solution has the signs of the mean latents; the replicas are in ``solution.replicas``.

    Parameters
    ----------
    learning_rate, epochs, batch_size, ste_window, clip, init_width, output_scale, stop_at_zero_error
        As in `SGD`, of every replica; `stop_at_zero_error` looks at the train error of the centre.
    replicas : int, default 5
        Number of replicas y, at least 1.
    coupling : float, default 0.002
        gamma at the first epoch, 0 or more.
    coupling_growth : float, default 1.002
        Factor of gamma from one epoch to the next, above 0.
    coupling_form : {"after_batch", "in_gradient", "after_epoch"}, default "after_batch"
        When the pull is applied: after every mini-batch step; in the same step, gradient and pull being taken at the
        same latents; or after every epoch.

    Raises
    ------
    InvalidInputError
        If a setting is out of range, or learning_rate gamma(t) exceeds 1 in an epoch, so that replicas would jump past
        their mean.

    References
    ----------
    Baldassi et al., PNAS 113, E7655 (2016). Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.2 and
    appendix B.

    Examples
    --------
    >>> import binland as bl
    >>> patterns = bl.Patterns.random(20, 101, seed=0)
    >>> centre = bl.fit(bl.Perceptron(101), patterns, bl.RSGD(epochs=50, replicas=3), seed=0)
    >>> centre.replicas.weights.shape
    (3, 101)
    """

    replicas: int = 5
    coupling: float = 0.002
    coupling_growth: float = 1.002
    coupling_form: Literal["after_batch", "in_gradient", "after_epoch"] = "after_batch"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "replicas", positive_int("replicas", self.replicas))
        object.__setattr__(self, "coupling", positive("coupling", self.coupling, zero=True))
        object.__setattr__(self, "coupling_growth", positive("coupling_growth", self.coupling_growth))
        form = one_of("coupling_form", self.coupling_form, ("after_batch", "in_gradient", "after_epoch"))
        object.__setattr__(self, "coupling_form", form)
        strongest = self.strongest_pull()
        if strongest > 1:
            raise InvalidInputError(
                f"coupling={self.coupling} with coupling_growth={self.coupling_growth} reaches learning_rate * gamma = "
                f"{strongest:.3g}; above 1 the replicas overshoot their mean: lower coupling or learning_rate"
            )

    def strongest_pull(self) -> float:
        """The largest learning_rate gamma(t) of the run.

        Returns
        -------
        float
            At the first or the last epoch.
        """
        return self.learning_rate * max(self.pull(0), self.pull(max(self.epochs - 1, 0)))

    def pull(self, epoch: int) -> float:
        """The coupling gamma at an epoch.

        Parameters
        ----------
        epoch : int
            Epoch, counted from 0.

        Returns
        -------
        float
            coupling coupling_growth^epoch; inf where that overflows.
        """
        if self.coupling == 0:
            return 0.0
        try:
            return self.coupling * self.coupling_growth**epoch
        except OverflowError:
            return math.inf


@dataclass(frozen=True, kw_only=True)
class ADV(SGD):
    """SGD from an adversarial start: random labels are learned first, then the true ones; it finds sharp solutions.

    Parameters
    ----------
    learning_rate : float, default 5.0
        Step size of the second phase, on the true labels.
    epochs : int, default 200
        Epochs of the second phase.
    batch_size, ste_window, clip, init_width, output_scale, stop_at_zero_error
        As in `SGD`; stop_at_zero_error concerns the second phase only.
    pretrain_epochs : int, default 500
        Epochs of the first phase, on the same inputs with uniform random labels; 0 or more.
    pretrain_learning_rate : float, default 10.0
        Step size of the first phase, above 0.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Liu et al., Bad Global Minima Exist and SGD Can Reach Them, NeurIPS 2020. Pittorino et al., Deep Networks on
    Toroids, ICML 2022, section 3.2 and appendix B.

    Examples
    --------
    >>> import binland as bl
    >>> bl.ADV().n_steps
    700
    """

    learning_rate: float = 5.0
    pretrain_epochs: int = 500
    pretrain_learning_rate: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        epochs = positive_int("pretrain_epochs", self.pretrain_epochs, minimum=0)
        object.__setattr__(self, "pretrain_epochs", epochs)
        rate = positive("pretrain_learning_rate", self.pretrain_learning_rate)
        object.__setattr__(self, "pretrain_learning_rate", rate)

    @property
    def n_steps(self) -> int:
        """Number of epochs of both phases."""
        return self.epochs + self.pretrain_epochs

    def shortened(self, n: int) -> Self:
        """A copy with at most n epochs in each phase.

        Parameters
        ----------
        n : int
            Largest number of epochs of each phase.

        Returns
        -------
        ADV
            The shortened settings.
        """
        return replace(self, epochs=min(self.epochs, n), pretrain_epochs=min(self.pretrain_epochs, n))


def check_algorithm(algorithm: Algorithm) -> None:
    """Raise InvalidInputError unless it is an algorithm that trains by its own `fit`.

    A subclass of SGD, RSGD or ADV that does not define `fit` is refused, because whatever it adds would be ignored.
    """
    kind = type(algorithm)
    if not isinstance(algorithm, Algorithm):
        raise InvalidInputError(f"algorithm={shown(algorithm)} is not an SGD, RSGD or ADV, nor another Algorithm")
    if isinstance(algorithm, SGD) and kind not in (SGD, RSGD, ADV) and kind.fit is SGD.fit:
        raise InvalidInputError(
            f"algorithm is a {kind.__module__}.{kind.__qualname__}; what a subclass adds to binland's SGD, RSGD and ADV"
            " would not be trained: give one of these three, or define fit(machine, data, seed, start) in the subclass"
        )
