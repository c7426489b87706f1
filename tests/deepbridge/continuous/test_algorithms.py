import math
from dataclasses import fields, replace

import numpy as np
import pytest

from binland.errors import InvalidInputError
from deepbridge.continuous import ADV, RSGD, SGD, EntropySGD

KINDS = (SGD, RSGD, ADV, EntropySGD)
NUMBER = (math.nan, math.inf, -1.0, "0.1", None, True, 1e13, 1j)
COUNT = (0, -1, 1.0, "1", None, True, math.nan, 2**31)
SHARE = (-0.1, 1.1, math.nan, "0", None, True)
TRUTH = (0, 1, "yes", None)
BAD = {
    "learning_rate": (*NUMBER, 0.0),
    "epochs": COUNT[1:],
    "batch_size": COUNT,
    "momentum": (*SHARE, 1.0, 1),
    "nesterov": TRUTH,
    "weight_decay": NUMBER,
    "schedule": ("linear", None, 1, ["cosine"], ""),
    "history_every": COUNT,
    "replicas": COUNT,
    "coupling": tuple(value for value in NUMBER if value is not None),
    "coupling_growth": (*NUMBER, 0.0),
    "pretrain_epochs": COUNT[1:],
    "pretrain_learning_rate": (*NUMBER, 0.0),
    "pretrain_error": SHARE,
    "zeroed": SHARE,
    "inner_learning_rate": (*NUMBER, 0.0),
    "inner_steps": COUNT,
    "averaging": SHARE,
    "noise": NUMBER,
    "coupling_step": NUMBER,
    "augmentation": ("flips", None, 1, True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_bad_setting_is_one_clear_line(kind):
    for setting in fields(kind):
        for value in BAD[setting.name]:
            with pytest.raises(InvalidInputError, match=f"{setting.name}=") as caught:
                kind(**{setting.name: value})
            assert "\n" not in str(caught.value)
            assert len(str(caught.value)) < 200
    with pytest.raises(TypeError):
        kind(1.0)
    with pytest.raises(TypeError):
        kind(rate=1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_extreme_settings_that_are_allowed(kind):
    kind(learning_rate=1e-12, epochs=0, batch_size=1, momentum=0.0, weight_decay=0.0, history_every=2**31 - 1)
    kind(learning_rate=1, epochs=np.int64(3), batch_size=np.int32(5), momentum=0)
    RSGD(replicas=1, coupling=0.0, coupling_growth=1)
    ADV(pretrain_epochs=0, pretrain_error=0, zeroed=1)
    EntropySGD(inner_steps=1, averaging=0, noise=0, coupling=0, coupling_step=0)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_settings_read_alike(kind):
    """Checkpoints and files of solutions know them by that."""
    plain = kind(learning_rate=1.0, epochs=3, momentum=0.0)
    for other in (
        kind(learning_rate=1, epochs=np.int64(3), momentum=0),
        kind(learning_rate=np.float64(1), epochs=3, momentum=-0.0),
    ):
        assert other == plain
        assert repr(other) == repr(plain)


def test_defaults_are_those_of_the_paper():
    """Appendix A.1; replicas: Pittorino et al. 2021; adversarial start: Liu et al. 2020; Entropy-SGD: its authors."""
    for kind in KINDS:
        one = kind()
        assert (one.epochs, one.batch_size, one.weight_decay, one.schedule) == (300, 128, 0.0, "cosine")
        assert (one.momentum, one.nesterov) == ((0.0, False) if kind is ADV else (0.9, True))
    assert (SGD().learning_rate, RSGD().learning_rate, ADV().learning_rate) == (0.02, 0.05, 0.02)
    rsgd, adv, entropy = RSGD(), ADV(), EntropySGD()
    assert (rsgd.replicas, rsgd.coupling, rsgd.coupling_growth) == (5, None, 1e4)
    assert (adv.pretrain_learning_rate, adv.pretrain_error, adv.zeroed) == (0.1, 1e-4, 0.1)
    assert (entropy.learning_rate, entropy.inner_learning_rate, entropy.inner_steps) == (0.1, 0.1, 20)
    assert (entropy.averaging, entropy.noise, entropy.coupling, entropy.coupling_step) == (0.75, 1e-4, 1e-4, 1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_counts_for_sweeps(kind):
    algorithm = kind(epochs=7)
    assert algorithm.n_records == 7
    assert algorithm.n_steps == 7 + (300 if kind is ADV else 0)
    assert algorithm.n_replicas == (5 if kind is RSGD else 1)
    for n in (0, 3, 100):
        short = algorithm.shortened(n)
        assert short == replace(
            algorithm, epochs=min(7, n), **({"pretrain_epochs": min(300, n)} if kind is ADV else {})
        )
        assert short.n_steps == min(7, n) + (min(300, n) if kind is ADV else 0)
    assert algorithm.epochs == 7
    assert set(algorithm.families) == {"continuous-mlp", "lenet", "vgg16"}


def test_rates_follow_the_schedule():
    cosine = SGD(learning_rate=2.0)
    assert [cosine.rate(x) for x in (0, 0.5, 1)] == pytest.approx([2, 1, 0])
    assert cosine.rate(0.25) == pytest.approx(1 + math.cos(math.pi / 4))
    assert SGD(learning_rate=2.0, schedule="constant").rate(0.7) == 2


def test_pulls_grow():
    algorithm = RSGD(epochs=4, coupling_growth=16.0)
    assert [algorithm.growth(epoch) for epoch in range(4)] == pytest.approx([1, 2, 4, 8])
    entropy = EntropySGD(coupling=0.5, coupling_step=0.1)
    assert [entropy.pull(loops) for loops in (0, 1, 2)] == pytest.approx([0.5, 0.55, 0.605])
    assert math.isfinite(EntropySGD(coupling=1e12, coupling_step=1e12).pull(10**9))
    assert EntropySGD(coupling=0.0).pull(10**9) == 0
