"""The three training algorithms of binland with what deep networks need besides; defaults: Fig. 19 (appendix B).

binland's own SGD, RSGD and ADV are taken too: plain SGD at a constant rate, with their own defaults. Their output_scale
counts in other units for the committee machine: there the logit is a sum, here the sum over sqrt(H).
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
    from binland.rng import Seed

Optimizer = Literal["sgd", "adam"]
Steps = tuple[tuple[int, float], ...]


@dataclass(frozen=True, kw_only=True)
class SGD(shallow.SGD):
    """BinaryNet with plain SGD or Adam, from latents of Xavier's uniform distribution.

    The other settings are those of `binland.SGD`.

    Parameters
    ----------
    output_scale : float
        Scale of the logit, in units of w . x / sqrt(N) of the output layer.
    optimizer : {"sgd", "adam"}
        "sgd" has no momentum, "adam" its usual constants.
    learning_rate_steps : sequence of (int, float)
        Pairs (epoch, factor): from that epoch on, counted from 0, the rate is multiplied by the factor.
    history_every : int
        Epochs between two looks at the train error.

    Raises
    ------
    InvalidInputError
        On values out of range.
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
        """Learning rate at an epoch."""
        rate = self.learning_rate
        for start, factor in self.learning_rate_steps:
            if epoch >= start:
                rate *= factor
        return rate

    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> Any:
        """As `deepbridge.fit`, which says what the arguments are; machine: a network."""
        from deepbridge.binary.training import train_many  # torch takes seconds, settings none

        as_deep(self)
        return train_many(machine, data, self, [seed], start)[0]


@dataclass(frozen=True, kw_only=True)
class RSGD(shallow.RSGD, SGD):
    """Replicated SGD; see `SGD` and binland.RSGD.

    With Adam, "in_gradient" adds gamma (w_a - mean_b w_b) to the gradient that Adam sees; the other forms pull after
    it, by learning_rate gamma, as with SGD.
    """

    # Said again, since a dataclass takes the last base's defaults first: binland.RSGD's would win.
    learning_rate: float = 10.0
    epochs: int = 1000
    init_width: float = 1.0

    def strongest_pull(self) -> float:
        """Largest learning_rate gamma(t); 0 where the pull is a part of Adam's gradient and cannot overshoot."""
        if self.optimizer == "adam" and self.coupling_form == "in_gradient":
            return 0.0
        last = max(self.epochs - 1, 0)
        starts = [start for start, _ in self.learning_rate_steps if 0 < start <= last]
        ends = {0, last, *starts, *(start - 1 for start in starts)}  # gamma is monotonic where the rate is constant
        return max(self.rate(epoch) * self.pull(epoch) for epoch in ends)


@dataclass(frozen=True, kw_only=True)
class ADV(shallow.ADV, SGD):
    """SGD from an adversarial start.

    The other settings are those of `SGD` and `binland.ADV`.

    Parameters
    ----------
    pretrain_optimizer : {"sgd", "adam"}
        Of the first phase, on random labels, at a constant rate.
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
    """The algorithm itself, or this package's with the same settings for one of binland's three.

    Raises InvalidInputError on what is no algorithm, and on a subclass of the three that does not define `fit`: what it
    adds would not be trained.
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
