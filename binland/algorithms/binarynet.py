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
    from binland.callbacks import Callback
    from binland.rng import Seed


@dataclass(frozen=True, kw_only=True)
class SGD(Algorithm):
    """BinaryNet stochastic gradient descent without momentum.

    learning_rate: of the mean gradient of a mini-batch. epochs, batch_size: the last batch of an epoch may be short.
    ste_window: the straight-through gradient of sign(Delta), Delta = w . x / sqrt(N), is 1 where |Delta| <= ste_window
    and else 0 (math.inf: identity). clip: latents stay in [-clip, clip]. init_width: latents start uniform in
    [-b, b], b = init_width sqrt(6 / (N + H)) (1: Xavier). output_scale: logit of the committee machine in units of
    sum_h c_h sign(Delta_h), of the perceptron in units of w . x / sqrt(N). stop_at_zero_error: end after the first
    epoch without a train error. Raises InvalidInputError on values out of range.
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

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None, callback: "Callback | None" = None) -> Any:
        """As `binland.fit`, which says what the arguments are."""
        from binland.algorithms.training import train  # numba takes seconds, settings none

        check_algorithm(self)
        return train(machine, data, self, seed, start, callback)


@dataclass(frozen=True, kw_only=True)
class RSGD(SGD):
    """Replicated SGD: coupled replicas with independent initialisations and shuffles; their centre is the solution.

    replicas: y. coupling, coupling_growth: gamma(t) = coupling * coupling_growth**t, t the epoch from 0.
    coupling_form: when w_a <- w_a - learning_rate gamma (w_a - mean_b w_b) is applied: "after_batch", after every
    mini-batch step; "in_gradient", in the same step, with gradient and pull taken at the same latents;
    "after_epoch", once an epoch.
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

    pretrain_epochs, pretrain_learning_rate: of the first phase, on the same inputs with uniform random labels.
    stop_at_zero_error concerns the second phase only.
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
