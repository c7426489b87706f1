"""SGD, RSGD and ADV for deep binary networks, as settings; the defaults are those of the paper's Fig. 19 (appendix B).

binland's own SGD, RSGD and ADV are accepted as well, as plain SGD at a constant rate with their own defaults. One
setting has another meaning for the committee machine: in binland the logit is output_scale times the sum of the votes,
here output_scale times the sum over sqrt(H).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from binland import algorithms as shallow
from binland.algorithms import positive
from binland.checks import positive_int
from binland.errors import InvalidInputError, shown

if TYPE_CHECKING:
    from binland.callbacks import Callback
    from binland.rng import Seed

Optimizer = Literal["sgd", "adam"]
Steps = tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class SGD(shallow.SGD):
    """SGD or Adam for deep binary networks (BinaryNet): settings for `deepbridge.fit`.

    Parameters
    ----------
    learning_rate : float, default 10.0
        Step size, times the mean gradient of a mini-batch; above 0.
    epochs : int, default 1000
        Passes over the data, 0 or more.
    batch_size : int, default 100
        Patterns in a mini-batch, at least 1; the last one of an epoch may have fewer.
    ste_window : float, default 1.0
        The gradient passes sign(Delta), Delta = w . x / sqrt(fan-in), where ``|Delta| <= ste_window``; above 0,
        math.inf passes everything.
    clip : float, default 1.0
        Latents are kept in [-clip, clip]; above 0.
    init_width : float, default 1.0
        Latents of a layer start uniform in [-b, b] with b = init_width sqrt(6 / (fan-in + fan-out)), Xavier's width for
        1.
    output_scale : float, default 1.0
        Logits are output_scale w . x / sqrt(fan-in) of the output layer; above 0.
    stop_at_zero_error : bool, default False
        Whether a run stops at the first recorded epoch without a train error.
    optimizer : {"sgd", "adam"}, default "sgd"
        SGD without momentum, or Adam with its usual constants.
    learning_rate_steps : sequence of (int, float), default ()
        Pairs (epoch, factor) with increasing epochs, counted from 0: from that epoch on the rate is multiplied by the
        factor.
    history_every : int, default 1
        Epochs from one record of the train error to the next; the last epoch is always recorded.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.2 and appendix B.

    Examples
    --------
    >>> import deepbridge as db
    >>> algorithm = db.SGD(optimizer="adam", learning_rate=0.001, learning_rate_steps=[(50, 0.5)])
    >>> algorithm.rate(0), algorithm.rate(50)
    (0.001, 0.0005)
    """

    families = ("mlp", "convnet")
    recipe = 1  # float32

    learning_rate: float = 10.0
    epochs: int = 1000
    init_width: float = 1.0
    optimizer: Optimizer = "sgd"
    learning_rate_steps: Steps = ()
    history_every: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_deep(self)

    def rate(self, epoch: int) -> float:
        """Learning rate at an epoch.

        Parameters
        ----------
        epoch : int
            Epoch, counted from 0.

        Returns
        -------
        float
            learning_rate times the factors of all steps so far.
        """
        rate = self.learning_rate
        for start, factor in self.learning_rate_steps:
            if epoch >= start:
                rate *= factor
        return rate

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None, callback: "Callback | None" = None) -> Any:
        """Train a network; `deepbridge.fit` is the usual way to call it.

        Parameters
        ----------
        machine : BinaryMLP or BinaryConvNet
            The network.
        data : Dataset or Patterns
            Train data.
        seed : int, SeedSequence or Generator
            Fixes everything that is drawn.
        start : tuple of arrays, optional
            Latents of each layer to begin with.
        callback : callable, optional
            Called with a `binland.TrainingState` after every epoch; the training ends where it returns True.

        Returns
        -------
        Solution
            The trained weights.
        """
        from deepbridge.binary.training import train_many  # torch takes seconds, settings none

        as_deep(self)
        return train_many(machine, data, self, [seed], start, callback=callback)[0]


@dataclass(frozen=True, kw_only=True)
class RSGD(shallow.RSGD, SGD):
    """Replicated SGD for deep binary networks: coupled replicas whose centre is the solution; it finds flat solutions.

    With Adam, coupling_form="in_gradient" adds gamma (w_a - mean_b w_b) to the gradient that Adam sees. In all other
    cases replicas are pulled to their mean by learning_rate gamma, as in `binland.RSGD`.

    Parameters
    ----------
    learning_rate, epochs, batch_size, ste_window, clip, init_width, output_scale, stop_at_zero_error
        As in `SGD`, with the same defaults.
    optimizer, learning_rate_steps, history_every
        As in `SGD`.
    replicas : int, default 5
        Number of replicas y, at least 1.
    coupling : float, default 0.002
        gamma at the first epoch, 0 or more.
    coupling_growth : float, default 1.002
        Factor of gamma from one epoch to the next, above 0.
    coupling_form : {"after_batch", "in_gradient", "after_epoch"}, default "after_batch"
        When the pull is applied.

    Raises
    ------
    InvalidInputError
        If a setting is out of range, or learning_rate gamma exceeds 1 in an epoch (except with Adam and "in_gradient").

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.2 and appendix B.

    Examples
    --------
    >>> import deepbridge as db
    >>> round(db.RSGD(epochs=100, learning_rate=2.0, coupling_growth=1.02).strongest_pull(), 3)
    0.028
    """

    # Repeated, because otherwise the defaults of binland.RSGD would be inherited.
    learning_rate: float = 10.0
    epochs: int = 1000
    init_width: float = 1.0

    def strongest_pull(self) -> float:
        """The largest learning_rate gamma(t) of the run.

        Returns
        -------
        float
            0 with Adam and "in_gradient", where the pull is part of Adam's gradient and cannot overshoot.
        """
        if self.optimizer == "adam" and self.coupling_form == "in_gradient":
            return 0.0
        last = max(self.epochs - 1, 0)
        starts = [start for start, _ in self.learning_rate_steps if 0 < start <= last]
        ends = {0, last, *starts, *(start - 1 for start in starts)}  # gamma is monotonic where the rate is constant
        return max(self.rate(epoch) * self.pull(epoch) for epoch in ends)


@dataclass(frozen=True, kw_only=True)
class ADV(shallow.ADV, SGD):
    """SGD from an adversarial start: random labels are learned first, then the true ones; it finds sharp solutions.

    Parameters
    ----------
    learning_rate, epochs, batch_size, ste_window, clip, init_width, output_scale, stop_at_zero_error
        As in `SGD`, with the same defaults, for the second phase.
    optimizer, learning_rate_steps, history_every
        As in `SGD`, for the second phase.
    pretrain_epochs : int, default 1000
        Epochs of the first phase, on the same inputs with uniform random labels; 0 or more.
    pretrain_learning_rate : float, default 10.0
        Step size of the first phase, constant, above 0.
    pretrain_optimizer : {"sgd", "adam"}, default "sgd"
        Optimiser of the first phase.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.2 and appendix B.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.ADV(epochs=200, pretrain_epochs=200).n_steps
    400
    """

    learning_rate: float = 10.0
    epochs: int = 1000
    init_width: float = 1.0
    pretrain_epochs: int = 1000
    pretrain_learning_rate: float = 10.0
    pretrain_optimizer: Optimizer = "sgd"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_optimizer("pretrain_optimizer", self.pretrain_optimizer)


Algorithm = SGD | RSGD | ADV


KINDS: dict[type[shallow.Algorithm], type[SGD]] = {shallow.SGD: SGD, shallow.RSGD: RSGD, shallow.ADV: ADV}


def as_deep(algorithm: shallow.Algorithm) -> shallow.Algorithm:
    """The algorithm itself; one of binland's three is replaced by this package's with the same settings.

    Raises InvalidInputError if it is not an algorithm, or is a subclass of the three without a `fit` of its own,
    because whatever it adds would be ignored.
    """
    kind = type(algorithm)
    if kind in KINDS:
        return KINDS[kind](**vars(algorithm))
    if not isinstance(algorithm, shallow.Algorithm):
        raise InvalidInputError(f"algorithm={shown(algorithm)} is not an SGD, RSGD or ADV, nor another Algorithm")
    if isinstance(algorithm, shallow.SGD) and not is_built_in(algorithm) and kind.fit in (shallow.SGD.fit, SGD.fit):
        raise InvalidInputError(
            f"algorithm is a {kind.__module__}.{kind.__qualname__}; what a subclass adds to SGD, RSGD and ADV would not"
            " be trained: give one of these three, or define fit(network, data, seed, start) in the subclass"
        )
    return algorithm


def is_built_in(algorithm: shallow.Algorithm) -> TypeGuard[Algorithm]:
    """Whether it is one of this package's three, and none of their subclasses."""
    return type(algorithm) in KINDS.values()


def check_optimizer(name: str, value: object) -> None:
    """Raise InvalidInputError unless it is the name of an optimiser."""
    if not isinstance(value, str) or value not in ("sgd", "adam"):
        raise InvalidInputError(f'{name}={shown(value)} is not "sgd" or "adam"')


def check_deep(algorithm: SGD) -> None:
    """Raise InvalidInputError unless the additional settings are in range."""
    check_optimizer("optimizer", algorithm.optimizer)
    positive_int("history_every", algorithm.history_every)
    steps = algorithm.learning_rate_steps
    message = f"learning_rate_steps={shown(steps)} is not a list of pairs [epoch, factor] with increasing epochs"
    if isinstance(steps, str) or not isinstance(steps, Sequence):
        raise InvalidInputError(message)
    checked: list[tuple[int, float]] = []
    for step in steps:
        if isinstance(step, str) or not isinstance(step, Sequence) or len(step) != 2:
            raise InvalidInputError(message)
        checked.append((positive_int("epoch of a step", step[0], minimum=0), positive("factor of a step", step[1])))
    if any(later[0] <= earlier[0] for earlier, later in pairwise(checked)):
        raise InvalidInputError(message)
    object.__setattr__(algorithm, "learning_rate_steps", tuple(checked))
    for epoch, _ in checked:
        positive(f"learning rate at epoch {epoch}", algorithm.rate(epoch))
