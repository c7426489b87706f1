"""The three training algorithms as plain settings; the defaults are the paper's (section 3.2, appendix B).

What the paper leaves open is an option here: straight-through window, latent clip, width of the initialisation,
output scale, form and schedule of the replica coupling, early stop. Latents are integers in units of a power of two
(`fixed_point.unit_of`), and the step that a pattern asks of a latent, its gradient, is rounded to such an integer once;
all that follows is exact.
"""

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

from binland.checks import one_of, positive, positive_int, true_or_false
from binland.errors import InvalidInputError, shown
from binland.sweep.contracts.algorithm import Algorithm

if TYPE_CHECKING:
    from binland.rng import Seed


@dataclass(frozen=True, kw_only=True)
class SGD(Algorithm):
    """BinaryNet stochastic gradient descent without momentum.

    Parameters
    ----------
    learning_rate : float
        Factor of the mean gradient of a mini-batch.
    epochs : int
        Passes over the training patterns.
    batch_size : int
        Patterns of a mini-batch; the last one of an epoch may be smaller.
    ste_window : float
        The straight-through gradient of sign(Delta), Delta = w . x / sqrt(N), is 1 where abs(Delta) <= ste_window, else
        0; inf is the identity.
    clip : float
        Latents stay in [-clip, clip].
    init_width : float
        Latents start uniform in [-b, b], b = init_width sqrt(6 / (N + H)); 1 is Xavier's width.
    output_scale : float
        Scale of the logit: of the committee machine in units of sum_h c_h sign(Delta_h), of the perceptron in units of
        w . x / sqrt(N).
    stop_at_zero_error : bool
        Whether to end after the first epoch without a train error.

    Raises
    ------
    InvalidInputError
        On values out of range.
    """

    families = ("perceptron", "committee")
    recipe = 3  # exact integers; 1 was float32, 2 integers in a finer unit

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
        """b of the uniform initialisation on [-b, b]."""
        return self.init_width * math.sqrt(6 / (n_inputs + n_hidden))

    @property
    def n_records(self) -> int:
        """Length of the history: epochs; stop_at_zero_error may make it shorter."""
        return self.epochs

    @property
    def n_steps(self) -> int:
        """Epochs of all phases."""
        return self.epochs

    def shortened(self, n: int) -> Self:
        """A copy of at most n epochs."""
        return replace(self, epochs=min(self.epochs, n))

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> Any:
        """As `binland.fit`, which says what the arguments are."""
        from binland.algorithms.training import train  # numba takes seconds, settings none

        check_algorithm(self)
        return train(machine, data, self, seed, start)


@dataclass(frozen=True, kw_only=True)
class RSGD(SGD):
    """Replicated SGD: coupled replicas with independent initialisations and shuffles; their centre is the solution.

    The pull is w_a <- w_a - learning_rate gamma(t) (w_a - mean_b w_b), gamma(t) = coupling coupling_growth^t, t the
    epoch from 0. The other settings are those of `SGD`.

    Parameters
    ----------
    replicas : int
        Number of replicas, y.
    coupling : float
        gamma in the first epoch.
    coupling_growth : float
        Factor of gamma from one epoch to the next.
    coupling_form : {"after_batch", "in_gradient", "after_epoch"}
        When replicas are pulled to their mean: after the step of every mini-batch; in this same step, with gradient and
        pull taken at the same latents; or once an epoch.
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
        """Largest learning_rate gamma(t)."""
        return self.learning_rate * max(self.pull(0), self.pull(max(self.epochs - 1, 0)))

    def pull(self, epoch: int) -> float:
        """gamma(epoch)."""
        if self.coupling == 0:
            return 0.0
        try:
            return self.coupling * self.coupling_growth**epoch
        except OverflowError:
            return math.inf


@dataclass(frozen=True, kw_only=True)
class ADV(SGD):
    """SGD from an adversarial start: trained on random labels first (paper: 500 epochs at 10, then 200 at 5).

    The other settings are those of `SGD`; stop_at_zero_error concerns the second phase only.

    Parameters
    ----------
    pretrain_epochs : int
        Epochs of the first phase, on the same inputs with uniform random labels.
    pretrain_learning_rate : float
        Learning rate of the first phase.
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
        """Epochs of both phases."""
        return self.epochs + self.pretrain_epochs

    def shortened(self, n: int) -> Self:
        """A copy of at most n epochs in each phase."""
        return replace(self, epochs=min(self.epochs, n), pretrain_epochs=min(self.pretrain_epochs, n))


def check_algorithm(algorithm: Algorithm) -> None:
    """Raise InvalidInputError unless it is an algorithm that trains by its own `fit`.

    A subclass of the three without one is refused: what it adds would not be trained.
    """
    kind = type(algorithm)
    if not isinstance(algorithm, Algorithm):
        raise InvalidInputError(f"algorithm={shown(algorithm)} is not an SGD, RSGD or ADV, nor another Algorithm")
    if isinstance(algorithm, SGD) and kind not in (SGD, RSGD, ADV) and kind.fit is SGD.fit:
        raise InvalidInputError(
            f"algorithm is a {kind.__module__}.{kind.__qualname__}; what a subclass adds to binland's SGD, RSGD and ADV"
            " would not be trained: give one of these three, or define fit(machine, data, seed, start) in the subclass"
        )
