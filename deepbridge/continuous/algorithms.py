"""Training algorithms of continuous networks, as settings; defaults: appendix A.1 and the sources named below."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from binland.checks import fraction, one_of, positive, positive_int, true_or_false
from binland.errors import InvalidInputError
from binland.sweep.contracts.algorithm import Algorithm

if TYPE_CHECKING:
    from binland.rng import Seed

KINDS = ("continuous-mlp", "lenet", "vgg16")  # of networks, as [model] kind names them
Schedule = Literal["cosine", "constant"]


@dataclass(frozen=True, kw_only=True)
class ContinuousAlgorithm(Algorithm):
    """What all have in common: mini-batches of cross-entropy, at a rate that follows a schedule.

    learning_rate: at the first step. epochs: passes over the data. batch_size: the last batch of an epoch may be
    shorter. momentum: 0 for none, nesterov: whether Nesterov's. weight_decay: times the weights, added to the gradient.
    schedule: "cosine" goes to zero over the run, step by step; "constant". history_every: epochs between two looks at
    the train error, which cost a pass over the data each. Raises InvalidInputError on values out of range.
    """

    families: ClassVar[tuple[str, ...]] = KINDS

    learning_rate: float = 0.02
    epochs: int = 300
    batch_size: int = 128
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 0.0
    schedule: Schedule = "cosine"
    history_every: int = 10

    def __post_init__(self) -> None:
        positive("learning_rate", self.learning_rate)
        positive_int("epochs", self.epochs, minimum=0)
        positive_int("batch_size", self.batch_size)
        positive_int("history_every", self.history_every)
        if fraction("momentum", self.momentum) == 1:
            raise InvalidInputError("momentum=1 never forgets; take less")
        positive("weight_decay", self.weight_decay, zero=True)
        true_or_false("nesterov", self.nesterov)
        one_of("schedule", self.schedule, ("cosine", "constant"))

    @property
    def n_records(self) -> int:
        """One train error for each epoch."""
        return self.epochs

    @property
    def n_steps(self) -> int:
        """Epochs."""
        return self.epochs

    def shortened(self, n: int) -> Any:
        """A copy of at most n epochs in each phase."""
        from dataclasses import replace

        return replace(self, epochs=min(self.epochs, n))

    def rate(self, progress: float) -> float:
        """Learning rate after a fraction of the run."""
        return self.learning_rate * self.factor(progress)

    def factor(self, progress: float) -> float:
        """What the schedule makes of a rate."""
        return (1 + math.cos(math.pi * progress)) / 2 if self.schedule == "cosine" else 1.0

    @property
    def n_replicas(self) -> int:
        """Networks that are trained for one solution."""
        return 1

    @abstractmethod
    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> Any:
        """As `deepbridge.fit`; machine: a network."""


class _BuiltIn(ContinuousAlgorithm):
    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> Any:
        """As `deepbridge.fit`, which says what the arguments are; machine: a network."""
        from deepbridge.continuous.training import train_many  # torch takes seconds, settings none

        return train_many(machine, data, self, [seed], start)[0]


@dataclass(frozen=True, kw_only=True)
class SGD(_BuiltIn):
    """Stochastic gradient descent with Nesterov momentum: the standard solutions. Settings: ContinuousAlgorithm's."""


@dataclass(frozen=True, kw_only=True)
class RSGD(_BuiltIn):
    """Replicated SGD: replicas that are pulled to their mean, ever more strongly; it finds flat solutions.

    Each replica descends L(w_a) + gamma |w_a - mean|^2 with mini-batches of its own, the mean held fixed (Pittorino et
    al. 2021). The solution is the mean of the replicas, of their batch-norm statistics too. replicas: how many, y.
    coupling: gamma at the start; None stands for the mean train loss over the mean squared distance of the replicas to
    their mean, both before training. coupling_growth: gamma's last value over its first, reached by the same factor
    each epoch. Where the rate times 2 gamma would be more than 1/2, it is 1/2: replicas never jump past their mean.
    """

    learning_rate: float = 0.05
    replicas: int = 5
    coupling: float | None = None
    coupling_growth: float = 1e4

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int("replicas", self.replicas)
        if self.coupling is not None:
            positive("coupling", self.coupling, zero=True)
        positive("coupling_growth", self.coupling_growth)

    @property
    def n_replicas(self) -> int:
        """y"""
        return self.replicas

    def growth(self, epoch: int) -> float:
        """gamma over its first value, in an epoch counted from 0."""
        return self.coupling_growth ** (epoch / max(1, self.epochs))


@dataclass(frozen=True, kw_only=True)
class ADV(_BuiltIn):
    """Plain SGD from an adversarial start, which finds sharp solutions (Liu et al. 2020; paper, appendix A.1).

    First the network learns uniform random labels on images in which a random share of the entries is zero (of the
    inputs as the network sees them), without momentum, at a constant rate, until the error is at most pretrain_error or
    the epochs are over; then the true data. zeroed: that share. Defaults of the first phase are Liu's.
    """

    momentum: float = 0.0
    nesterov: bool = False
    pretrain_epochs: int = 300
    pretrain_learning_rate: float = 0.1
    pretrain_error: float = 1e-4
    zeroed: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        positive_int("pretrain_epochs", self.pretrain_epochs, minimum=0)
        positive("pretrain_learning_rate", self.pretrain_learning_rate)
        fraction("pretrain_error", self.pretrain_error)
        fraction("zeroed", self.zeroed)

    @property
    def n_steps(self) -> int:
        """Epochs of both phases."""
        return self.epochs + self.pretrain_epochs

    def shortened(self, n: int) -> Any:
        """A copy of at most n epochs in each phase."""
        from dataclasses import replace

        return replace(self, epochs=min(self.epochs, n), pretrain_epochs=min(self.pretrain_epochs, n))


@dataclass(frozen=True, kw_only=True)
class EntropySGD(_BuiltIn):
    """Entropy-SGD: steps towards the mean of a short Langevin run around the weights (Chaudhari et al. 2017).

    inner_steps mini-batches of Langevin dynamics, each a step of inner_learning_rate down the loss plus (coupling / 2)
    |w' - w|^2, with noise; then w goes the share learning_rate of the way to the running mean of w'. An epoch is a pass
    of the mini-batches over the data, of whichever loop. The schedule is that of the inner rate. averaging: of the
    running mean, what it keeps. noise: standard deviation of the noise in the gradient, over sqrt(inner rate / 2).
    coupling: at the start; after every outer step it is multiplied by 1 + coupling_step. Defaults: the authors' for
    MNIST.
    """

    learning_rate: float = 1.0
    inner_learning_rate: float = 0.1
    inner_steps: int = 20
    averaging: float = 0.75
    noise: float = 1e-4
    coupling: float = 1e-4
    coupling_step: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        positive("inner_learning_rate", self.inner_learning_rate)
        positive_int("inner_steps", self.inner_steps)
        fraction("averaging", self.averaging)
        for name in ("noise", "coupling", "coupling_step"):
            positive(name, getattr(self, name), zero=True)
