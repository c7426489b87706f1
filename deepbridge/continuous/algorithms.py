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
    from binland.callbacks import Callback
    from binland.rng import Seed

KINDS = ("continuous-mlp", "lenet", "vgg16")  # of networks, as [model] kind names them
LARGEST_EXPONENT = 600.0  # largest exponent for which exp times any setting is finite
Schedule = Literal["cosine", "constant"]
Augmentation = Literal["none", "flips-and-crops"]


@dataclass(frozen=True, kw_only=True)
class ContinuousAlgorithm(Algorithm):
    """Base of the algorithms for continuous networks: mini-batches of cross-entropy with a scheduled learning rate.

    Parameters
    ----------
    learning_rate : float, default 0.02
        Step size at the beginning, above 0.
    epochs : int, default 300
        Passes over the data, 0 or more.
    batch_size : int, default 128
        Patterns in a mini-batch, at least 1; the last one of an epoch may have fewer.
    momentum : float, default 0.9
        In [0, 1).
    nesterov : bool, default True
        Whether momentum is Nesterov's.
    weight_decay : float, default 0.0
        Factor of the weights that is added to the gradient, 0 or more.
    schedule : {"cosine", "constant"}, default "cosine"
        "cosine" lowers the rate to zero over the run, step by step.
    history_every : int, default 10
        Epochs from one record of the train error to the next; the last epoch is always recorded. A record costs a pass
        over the data.
    augmentation : {"none", "flips-and-crops"}, default "none"
        "flips-and-crops": each time an image is learnt it is mirrored with probability 1/2 and shifted by up to four
        pixels; what comes in at the margin is zero.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.
    """

    families: ClassVar[tuple[str, ...]] = KINDS
    added: ClassVar[tuple[str, ...]] = ("augmentation",)

    learning_rate: float = 0.02
    epochs: int = 300
    batch_size: int = 128
    momentum: float = 0.9
    nesterov: bool = True
    weight_decay: float = 0.0
    schedule: Schedule = "cosine"
    history_every: int = 10
    augmentation: Augmentation = "none"

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
        self._check("augmentation", one_of, allowed=("none", "flips-and-crops"))

    def _check(self, name: str, check: Callable[..., Any], **bounds: Any) -> None:
        """Replace a setting by what a check makes of it, so that equal settings read alike (1 and 1.0)."""
        object.__setattr__(self, name, check(name, getattr(self, name), **bounds))

    @property
    def n_records(self) -> int:
        """Length of the history: one entry for each epoch."""
        return self.epochs

    @property
    def n_steps(self) -> int:
        """Number of epochs."""
        return self.epochs

    def shortened(self, n: int) -> Any:
        """A copy with at most n epochs.

        Parameters
        ----------
        n : int
            Largest number of epochs.

        Returns
        -------
        ContinuousAlgorithm
            The shortened settings, of the same class.
        """
        from dataclasses import replace

        return replace(self, epochs=min(self.epochs, n))

    def rate(self, progress: float) -> float:
        """Learning rate after a fraction of the run.

        Parameters
        ----------
        progress : float
            Fraction of the run, 0 to 1.

        Returns
        -------
        float
            learning_rate times the factor of the schedule.
        """
        return self.learning_rate * self.factor(progress)

    def factor(self, progress: float) -> float:
        """Factor of the schedule after a fraction of the run.

        Parameters
        ----------
        progress : float
            Fraction of the run, 0 to 1.

        Returns
        -------
        float
            (1 + cos(pi progress)) / 2 for "cosine", else 1.
        """
        return (1 + math.cos(math.pi * progress)) / 2 if self.schedule == "cosine" else 1.0

    @property
    def n_replicas(self) -> int:
        """Number of networks that are trained for one solution."""
        return 1

    @abstractmethod
    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None) -> Any:
        """Train a network; `deepbridge.fit` is the usual way to call it.

        Parameters
        ----------
        machine : Network
            The network.
        data : Dataset, Patterns or tuple
            Train data.
        seed : int, SeedSequence or Generator
            Fixes everything that is drawn.
        start : ContinuousSolution, optional
            Where to begin.

        Returns
        -------
        ContinuousSolution
            The trained weights.
        """


class _BuiltIn(ContinuousAlgorithm):
    def fit(self, machine: Any, data: Any, seed: "Seed", start: Any = None, callback: "Callback | None" = None) -> Any:
        """Train a network; `deepbridge.fit` is the usual way to call it.

        Parameters
        ----------
        machine : Network
            The network.
        data : Dataset, Patterns or tuple
            Train data.
        seed : int, SeedSequence or Generator
            Fixes everything that is drawn.
        start : ContinuousSolution, optional
            Where to begin.
        callback : callable, optional
            Called with a `binland.TrainingState` after every epoch; the training ends where it returns True.

        Returns
        -------
        ContinuousSolution
            The trained weights.
        """
        from deepbridge.continuous.training import train_many  # torch takes seconds, settings none

        return train_many(machine, data, self, [seed], start, callback=callback)[0]


@dataclass(frozen=True, kw_only=True)
class SGD(_BuiltIn):
    """Stochastic gradient descent with Nesterov momentum for continuous networks: the paper's standard solutions.

    Parameters
    ----------
    learning_rate : float, default 0.02
        Step size at the beginning, above 0.
    epochs : int, default 300
        Passes over the data, 0 or more.
    batch_size : int, default 128
        Patterns in a mini-batch, at least 1; the last one of an epoch may have fewer.
    momentum : float, default 0.9
        In [0, 1).
    nesterov : bool, default True
        Whether momentum is Nesterov's.
    weight_decay : float, default 0.0
        Factor of the weights that is added to the gradient, 0 or more.
    schedule : {"cosine", "constant"}, default "cosine"
        "cosine" lowers the rate to zero over the run, step by step.
    history_every : int, default 10
        Epochs from one record of the train error to the next; the last epoch is always recorded.
    augmentation : {"none", "flips-and-crops"}, default "none"
        "flips-and-crops": each time an image is learnt it is mirrored with probability 1/2 and shifted by up to four
        pixels; what comes in at the margin is zero.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Pittorino et al., Deep Networks on Toroids, ICML 2022, section 3.2 and appendix A.1.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.continuous.SGD(epochs=50).rate(0.0)
    0.02
    """


@dataclass(frozen=True, kw_only=True)
class RSGD(_BuiltIn):
    """Replicated SGD for continuous networks: replicas that are pulled to their mean; it finds flat solutions.

    Each replica descends ``L(w_a) + gamma |w_a - mean|^2`` on mini-batches of its own, with the mean held fixed. The
    solution is the mean of the replicas, batch-norm statistics included.

    Parameters
    ----------
    learning_rate : float, default 0.05
        Step size at the beginning, above 0.
    epochs, batch_size, momentum, nesterov, weight_decay, schedule, history_every, augmentation
        As in `SGD`.
    replicas : int, default 5
        Number of replicas y, at least 1.
    coupling : float, optional
        gamma at the beginning, 0 or more. None, the default, means the mean train loss over the mean squared distance
        of the replicas to their mean, before training; a run that begins at a given start needs a number.
    coupling_growth : float, default 1e4
        gamma at the end over gamma at the beginning, reached by the same factor in every epoch; above 0.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    Notes
    -----
    The learning rate times 2 gamma is limited to 1/2, so that replicas never jump past their mean.

    References
    ----------
    Pittorino et al., Entropic gradient descent algorithms and wide flat minima, ICLR 2021.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.continuous.RSGD(epochs=50).n_replicas
    5
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
        """Number of replicas y."""
        return self.replicas

    def growth(self, epoch: int) -> float:
        """gamma at an epoch over its first value.

        Parameters
        ----------
        epoch : int
            Epoch, counted from 0.

        Returns
        -------
        float
            coupling_growth^(epoch / epochs).
        """
        return self.coupling_growth ** (epoch / max(1, self.epochs))


@dataclass(frozen=True, kw_only=True)
class ADV(_BuiltIn):
    """SGD from an adversarial start for continuous networks; it finds sharp solutions.

    First the network learns uniform random labels on images in which random entries are zeroed, without momentum and at
    a constant rate; then it learns the true data by plain SGD.

    Parameters
    ----------
    learning_rate, epochs, batch_size, weight_decay, schedule, history_every, augmentation
        As in `SGD`, for the second phase.
    momentum : float, default 0.0
        Of the second phase, in [0, 1).
    nesterov : bool, default False
        Whether that momentum is Nesterov's.
    pretrain_epochs : int, default 300
        Largest number of epochs of the first phase, 0 or more.
    pretrain_learning_rate : float, default 0.1
        Step size of the first phase, above 0.
    pretrain_error : float, default 1e-4
        The first phase ends at this error on the random labels, in [0, 1].
    zeroed : float, default 0.1
        Share of the entries of each image that are set to zero, in [0, 1]; zero is the mean gray of normalised images.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    References
    ----------
    Liu et al., Bad Global Minima Exist and SGD Can Reach Them, NeurIPS 2020, whose first phase it is, except that they
    lower the rate twice. Pittorino et al., Deep Networks on Toroids, ICML 2022, appendix A.1.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.continuous.ADV(epochs=50, pretrain_epochs=50).n_steps
    100
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
        """Number of epochs of both phases."""
        return self.epochs + self.pretrain_epochs

    def shortened(self, n: int) -> Any:
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
        from dataclasses import replace

        return replace(self, epochs=min(self.epochs, n), pretrain_epochs=min(self.pretrain_epochs, n))


@dataclass(frozen=True, kw_only=True)
class EntropySGD(_BuiltIn):
    """Entropy-SGD: each step goes towards the mean of a short Langevin run around the weights.

    From the weights w, inner_steps mini-batches of Langevin dynamics lead to weights w': each is a step down the loss,
    with momentum that starts at zero, down ``(coupling / 2) |w' - w|^2``, and along Gaussian noise. Then w takes one
    step, with momentum of its own, down ``|w - <w'>|^2 / 2``, where <w'> is the running mean of w'; the next loop
    begins there. An epoch is one pass of the inner mini-batches over the data; loops may extend over the end of an
    epoch.

    Parameters
    ----------
    learning_rate : float, default 0.1
        Step size of w at the beginning; the schedule applies to it.
    epochs, batch_size, momentum, nesterov, schedule, history_every, augmentation
        As in `SGD`.
    weight_decay : float, default 0.0
        Factor of the weights that is added to the gradient, in both kinds of steps.
    inner_learning_rate : float, default 0.1
        Step size of w', above 0.
    inner_steps : int, default 20
        Mini-batches of a loop, at least 1.
    averaging : float, default 0.75
        Share of the running mean that is kept at each inner step, in [0, 1].
    noise : float, default 1e-4
        Standard deviation of the noise in the gradient, times sqrt(inner_learning_rate / 2); 0 or more.
    coupling : float, default 1e-4
        Coupling of w' to w in the first loop, 0 or more.
    coupling_step : float, default 1e-3
        After each loop the coupling is multiplied by 1 + coupling_step, up to 1 / (2 inner_learning_rate); 0 or more.

    Raises
    ------
    InvalidInputError
        If a setting is out of range.

    Notes
    -----
    Defaults are the authors' for MNIST. The solution is w with the batch-norm statistics of w';
    `ContinuousSolution.with_statistics` estimates them on data.

    References
    ----------
    Chaudhari et al., Entropy-SGD, ICLR 2017.

    Examples
    --------
    >>> import deepbridge as db
    >>> db.EntropySGD(epochs=20).pull(0)
    0.0001
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
        """Coupling after a number of loops.

        Parameters
        ----------
        loops : int
            Number of loops done.

        Returns
        -------
        float
            coupling (1 + coupling_step)^loops, without the upper limit.
        """
        return self.coupling * math.exp(min(loops * math.log1p(self.coupling_step), LARGEST_EXPONENT))
