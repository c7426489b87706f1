"""Training algorithms of continuous networks, as settings; defaults: appendix A.1 and the sources named below."""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from binland.checks import fraction, one_of, positive, positive_int, true_or_false
from binland.errors import InvalidInputError
from binland.sweep.contracts.algorithm import Algorithm

if TYPE_CHECKING:
    from binland.rng import Seed

KINDS = ("continuous-mlp", "lenet", "vgg16")  # of networks, as [model] kind names them
LARGEST_EXPONENT = 600.0  # with which exp, times any setting, is finite
Schedule = Literal["cosine", "constant"]


@dataclass(frozen=True, kw_only=True)
class ContinuousAlgorithm(Algorithm):
    """What all have in common: mini-batches of cross-entropy, at a rate that follows a schedule.

    Parameters
    ----------
    learning_rate : float
        Learning rate at the first step.
    epochs : int
        Passes over the data.
    batch_size : int
        Patterns of a mini-batch; the last one of an epoch may be smaller.
    momentum : float
        Momentum, below 1; 0 for none.
    nesterov : bool
        Whether the momentum is Nesterov's.
    weight_decay : float
        Factor of the weights that is added to the gradient.
    schedule : {"cosine", "constant"}
        How the learning rate goes: "cosine" goes to zero over the run, step by step.
    history_every : int
        Epochs between two looks at the train error, which cost a pass over the data each; the history has NaN in
        between.

    Raises
    ------
    InvalidInputError
        On values out of range.
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
        self._check("learning_rate", positive)
        self._check("epochs", positive_int, minimum=0)
        self._check("batch_size", positive_int)
        self._check("history_every", positive_int)
        self._check("momentum", fraction)
        if self.momentum == 1:
            raise InvalidInputError("momentum=1 never forgets; take less")
        self._check("weight_decay", positive, zero=True)
        self._check("nesterov", true_or_false)
        self._check("schedule", one_of, allowed=("cosine", "constant"))

    def _check(self, name: str, check: Callable[..., Any], **bounds: Any) -> None:
        """Keep a setting as what a check makes of it, so that equal ones read alike: 1 and 1.0, numbers of NumPy."""
        object.__setattr__(self, name, check(name, getattr(self, name), **bounds))

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

    Each replica descends L(w_a) + gamma abs(w_a - mean)^2 with mini-batches of its own, the mean held fixed (Pittorino
    et al. 2021). The solution is the mean of the replicas, of their batch-norm statistics too. Where the rate times
    2 gamma would be more than 1/2, it is 1/2: replicas never jump past their mean. The other settings are those of
    `SGD`.

    Parameters
    ----------
    replicas : int
        Number of replicas, y.
    coupling : float, optional
        gamma at the start; by default the mean train loss over the mean squared distance of the replicas to their mean,
        both before training.
    coupling_growth : float
        gamma's last value over its first, reached by the same factor each epoch.
    """

    learning_rate: float = 0.05
    replicas: int = 5
    coupling: float | None = None
    coupling_growth: float = 1e4

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("replicas", positive_int)
        if self.coupling is not None:
            self._check("coupling", positive, zero=True)
        self._check("coupling_growth", positive)

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

    First the network learns uniform random labels on images in which a random share of the entries is zero, without
    momentum, at a constant rate, until the error is small or the epochs are over; then the true data. Defaults of the
    first phase are Liu's, but for the rate, which they lower twice. The other settings are those of `SGD`.

    Parameters
    ----------
    pretrain_epochs : int
        Epochs of the first phase, at most.
    pretrain_learning_rate : float
        Learning rate of the first phase.
    pretrain_error : float
        Train error at which the first phase ends.
    zeroed : float
        Share of the entries of each image that are zero in the first phase; zero is what the network sees, the mean
        grey of normalised images.
    """

    momentum: float = 0.0
    nesterov: bool = False
    pretrain_epochs: int = 300
    pretrain_learning_rate: float = 0.1
    pretrain_error: float = 1e-4
    zeroed: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("pretrain_epochs", positive_int, minimum=0)
        self._check("pretrain_learning_rate", positive)
        self._check("pretrain_error", fraction)
        self._check("zeroed", fraction)

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

    From the weights w, mini-batches of Langevin dynamics lead w' away: each is a step down the loss, with momentum that
    begins at zero in each of these loops, down (coupling / 2) abs(w' - w)^2, and along Gaussian noise. Then w takes one
    step, of learning_rate and with momentum of its own, down abs(w - mean w')^2 / 2, where the mean is a running one,
    and the next loop begins there. An epoch is a pass of the inner mini-batches over the data; the loops do not care
    where it ends, but the last one may be shorter. The schedule is that of learning_rate. The solution is w, with the
    batch-norm statistics of w' (`with_statistics` gives it those of data). Defaults are the authors' for MNIST; the
    other settings are those of `SGD`.

    Parameters
    ----------
    inner_learning_rate : float
        Learning rate of the Langevin steps.
    inner_steps : int
        Langevin steps in each loop.
    averaging : float
        Share that the running mean of w' keeps at each inner step.
    noise : float
        Standard deviation of the noise, which is added to the gradient, times sqrt(inner_learning_rate / 2).
    coupling : float
        Strength of the spring to w, at the start.
    coupling_step : float
        After each loop the coupling is multiplied by 1 + coupling_step, up to 1 / (2 inner_learning_rate).
    weight_decay : float
        Factor of the weights that is added to the gradient, in both kinds of steps.
    """

    learning_rate: float = 0.1
    inner_learning_rate: float = 0.1
    inner_steps: int = 20
    averaging: float = 0.75
    noise: float = 1e-4
    coupling: float = 1e-4
    coupling_step: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check("inner_learning_rate", positive)
        self._check("inner_steps", positive_int)
        self._check("averaging", fraction)
        for name in ("noise", "coupling", "coupling_step"):
            self._check(name, positive, zero=True)

    def pull(self, loops: int) -> float:
        """coupling after so many loops."""
        return self.coupling * math.exp(min(loops * math.log1p(self.coupling_step), LARGEST_EXPONENT))
