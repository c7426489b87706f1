import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import pytest

import binland as bl
from binland.algorithms import training
from binland.rng import generator
from tests.naive import float_training
from tests.naive import training as naive
from tests.problems import signs

TRAIN = bl.HiddenManifold(101, 41, seed=0).sample(130, seed=1)
MACHINES = [bl.Perceptron(101), bl.CommitteeMachine(101, 11), bl.CommitteeMachine(101, 5, (1, -1, 1, -1, 1))]
QUICK = [bl.SGD(epochs=8), bl.RSGD(epochs=8, replicas=3), bl.ADV(epochs=8, pretrain_epochs=6)]


@pytest.mark.parametrize("machine", MACHINES, ids=str)
@pytest.mark.parametrize("algorithm", QUICK, ids=lambda a: type(a).__name__)
def test_a_solution_carries_what_is_known_of_it(machine, algorithm):
    solution = bl.fit(machine, TRAIN, algorithm, seed=5)
    assert solution.weights.dtype == np.int8
    assert solution.latents.dtype == np.float32
    assert np.array_equal(solution.weights, naive.sign(solution.latents))
    assert np.abs(solution.latents).max() <= algorithm.clip
    assert solution.history.shape == (8,)
    assert solution.history[-1] == solution.error(TRAIN)
    assert solution.algorithm == algorithm
    assert (solution.replicas is not None) == isinstance(algorithm, bl.RSGD)


@pytest.mark.parametrize("algorithm", QUICK, ids=lambda a: type(a).__name__)
def test_a_seed_fixes_the_run_and_another_changes_it(algorithm):
    first, again, other = (bl.fit(MACHINES[1], TRAIN, algorithm, seed) for seed in (1, 1, 2))
    assert np.array_equal(first.latents, again.latents)
    assert not np.array_equal(first.weights, other.weights)


def test_fit_is_the_naive_run_bit_for_bit():
    """Initialisation, unit, shuffles, learning rates and coupling schedule, all drawn as documented."""
    settings = {"epochs": 4, "replicas": 2, "coupling": 0.1, "coupling_growth": 1.5, "batch_size": 30}
    machine, algorithm = MACHINES[2], bl.RSGD(learning_rate=0.5, **settings)
    solution = bl.fit(machine, TRAIN, algorithm, seed=9)
    _, *streams = generator(9, "fit").spawn(3)
    bound, unit = 0.25 * math.sqrt(6 / (101 + 5)), 2.0**-22  # 0.5 / (sqrt(101) 30) is 6956 units
    drawn = np.array([rng.uniform(-bound, bound, (5, 101)) for rng in streams])
    latents = naive.as_integers(drawn, unit, 1.0)
    rule = {"learning_rate": 0.5, "window": 1.0, "clip": 1.0, "scale": 1.0, "linear": False, "unit": unit}
    for epoch in range(4):
        order = np.stack([naive.shuffled(rng.random(130)) for rng in streams])
        pulls = [0, 0.5 * (0.1 * 1.5**epoch), 0]
        outputs = np.array(machine.output_signs)
        naive.train_epoch(latents, TRAIN.inputs, TRAIN.labels, outputs, order, 30, rule, pulls)
    assert np.array_equal(solution.replicas.weights, naive.sign(latents))
    assert np.array_equal(solution.latents, (latents.sum(axis=0) * unit / 2).astype(np.float32))
    first, second = naive.sign(latents)
    assert solution.replicas.spread == np.mean(first != second)


def test_adversarial_fit_is_the_naive_run_bit_for_bit():
    """Random labels at one learning rate first, then the true labels at the other."""
    machine = MACHINES[1]
    algorithm = bl.ADV(epochs=2, pretrain_epochs=3, learning_rate=0.7, pretrain_learning_rate=3.0)
    solution = bl.fit(machine, TRAIN, algorithm, seed=2)
    label_rng, stream = generator(2, "fit").spawn(2)
    noise = TRAIN.with_random_labels(label_rng).labels
    bound, unit = 0.25 * math.sqrt(6 / (101 + 11)), 2.0**-23  # 0.7 / (sqrt(101) 100) is 5843 units
    latents = naive.as_integers(stream.uniform(-bound, bound, (11, 101))[None], unit, 1.0)
    rule = {"window": 1.0, "clip": 1.0, "scale": 1.0, "linear": False, "unit": unit}
    for rate, labels, epochs in ((3.0, noise, 3), (0.7, TRAIN.labels, 2)):
        for _ in range(epochs):
            order, outputs = naive.shuffled(stream.random(130))[None], np.ones(11, np.int64)
            naive.train_epoch(
                latents, TRAIN.inputs, labels, outputs, order, 100, rule | {"learning_rate": rate}, [0, 0, 0]
            )
    assert np.array_equal(solution.latents, (latents[0] * unit).astype(np.float32))


def test_several_threads_train_as_one_does():
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: bl.fit(MACHINES[1], TRAIN, QUICK[1], seed), range(8)))
    for seed, solution in enumerate(together):
        assert np.array_equal(solution.latents, bl.fit(MACHINES[1], TRAIN, QUICK[1], seed).latents)


def test_the_spread_is_the_mean_distance_of_the_replicas():
    solution = bl.fit(MACHINES[1], TRAIN, bl.RSGD(epochs=2, replicas=4), seed=0)
    replicas = [bl.Solution(MACHINES[1], weights) for weights in solution.replicas.weights]
    distances = [bl.hamming(a, b) for k, a in enumerate(replicas) for b in replicas[:k]]
    assert solution.replicas.spread == pytest.approx(np.mean(distances))


def test_adversarial_start_is_sgd_on_random_labels_first():
    algorithm = bl.ADV(epochs=0, pretrain_epochs=60)
    label_rng, _ = generator(3, "fit").spawn(2)
    noise = TRAIN.with_random_labels(label_rng)
    start = bl.fit(MACHINES[1], TRAIN, algorithm, seed=3)
    assert start.error(noise) < 0.05
    assert start.error(TRAIN) > 0.3
    assert start.history.shape == (0,)


def test_training_learns_and_replicas_gather_round_their_centre():
    test = bl.HiddenManifold(101, 41, seed=0).sample(2000, seed=2)
    sgd = bl.fit(MACHINES[1], TRAIN, bl.SGD(epochs=60), seed=0)
    rsgd = bl.fit(MACHINES[1], TRAIN, bl.RSGD(epochs=60, coupling=0.01), seed=0)
    apart = bl.fit(MACHINES[1], TRAIN, bl.RSGD(epochs=60, coupling=0.0), seed=0)
    assert sgd.error(TRAIN) < 0.02  # two patterns at most; the error still fluctuates from epoch to epoch
    assert sgd.error(test) < 0.4
    assert rsgd.replicas.weights.shape == (5, 11, 101)
    assert rsgd.replicas.errors.shape == (5,)
    assert rsgd.replicas.history.shape == (60, 5)
    assert np.array_equal(rsgd.replicas.history[-1], rsgd.replicas.errors)
    assert 0 <= rsgd.replicas.spread < 0.5 * apart.replicas.spread


@pytest.mark.parametrize("form", ["after_batch", "in_gradient", "after_epoch"])
def test_every_form_of_coupling_draws_the_replicas_together(form):
    free = bl.fit(MACHINES[1], TRAIN, bl.RSGD(epochs=20, coupling=0.0), seed=1)
    tied = bl.fit(MACHINES[1], TRAIN, bl.RSGD(epochs=20, coupling=0.2, coupling_growth=1.0, coupling_form=form), seed=1)
    assert tied.replicas.spread < 0.9 * free.replicas.spread


def test_one_replica_is_plain_sgd():
    sgd = bl.fit(MACHINES[1], TRAIN, bl.SGD(epochs=5), seed=4)
    rsgd = bl.fit(MACHINES[1], TRAIN, bl.RSGD(epochs=5, replicas=1), seed=4)
    assert np.array_equal(sgd.weights, rsgd.weights)
    assert rsgd.replicas.spread == 0


@pytest.mark.parametrize("at_once", [1, 3, 80])
def test_early_stop_ends_at_the_first_epoch_without_an_error(at_once, monkeypatch):
    """However many epochs are one call of the kernel."""
    whole = bl.fit(MACHINES[1], TRAIN, bl.SGD(epochs=80), seed=0)
    monkeypatch.setattr(training, "DRAWN", at_once * TRAIN.n_patterns)
    stopped = bl.fit(MACHINES[1], TRAIN, bl.SGD(epochs=80, stop_at_zero_error=True), seed=0)
    epochs = int(np.argmin(whole.history > 0)) + 1
    assert len(stopped.history) == epochs < 80
    assert stopped.error(TRAIN) == 0
    assert np.array_equal(stopped.history, whole.history[:epochs])


def test_early_stop_without_a_bound_on_epochs_takes_no_memory_for_them():
    stopped = bl.fit(MACHINES[1], TRAIN, bl.SGD(epochs=2**31 - 1, stop_at_zero_error=True), seed=0)
    assert stopped.error(TRAIN) == 0


def test_a_given_start_replaces_the_random_one():
    start = 0.125 * signs(np.random.default_rng(0), (11, 101)).astype(np.float32)  # a whole number of units
    solution = bl.fit(MACHINES[1], TRAIN, bl.SGD(epochs=0), seed=0, start=start)
    assert np.array_equal(solution.latents, start)
    with pytest.raises(ValueError, match="start of shape"):
        bl.fit(MACHINES[1], TRAIN, bl.SGD(), seed=0, start=start[:-1])


@pytest.mark.parametrize(
    "change",
    [{"ste_window": 0.2}, {"clip": 0.05}, {"init_width": 1.0}, {"output_scale": 0.1}, {"learning_rate": 0.1}],
    ids=lambda change: next(iter(change)),
)
def test_every_option_changes_the_run(change):
    default = bl.fit(MACHINES[1], TRAIN, bl.SGD(epochs=5), seed=0)
    changed = bl.fit(MACHINES[1], TRAIN, replace(bl.SGD(epochs=5), **change), seed=0)
    assert not np.array_equal(default.latents, changed.latents)


def test_defaults_are_the_papers():
    assert (bl.SGD().learning_rate, bl.SGD().epochs, bl.SGD().batch_size) == (1.0, 200, 100)
    assert (bl.RSGD().learning_rate, bl.RSGD().replicas, bl.RSGD().pull(3)) == (1.0, 5, 0.002 * 1.002**3)
    adv = bl.ADV()
    assert (adv.pretrain_learning_rate, adv.pretrain_epochs, adv.learning_rate, adv.epochs) == (10.0, 500, 5.0, 200)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bl.SGD(learning_rate=0), "learning_rate=0 is not a number from 1e-12 to 1e\\+12"),
        (lambda: bl.SGD(learning_rate="1"), "learning_rate='1'"),
        (lambda: bl.SGD(clip=math.nan), "clip=nan"),
        (lambda: bl.SGD(clip=math.inf), "clip=inf"),
        (lambda: bl.SGD(clip=1e-50), "clip=1e-50"),
        (lambda: bl.SGD(output_scale=1e300), "output_scale=1e\\+300"),
        (lambda: bl.SGD(batch_size=10**30), "batch_size=1000"),
        (lambda: bl.SGD(ste_window=-1), "ste_window=-1 is not a number from .* or inf"),
        (lambda: bl.SGD(epochs=1.5), "epochs=1.5 is not an integer"),
        (lambda: bl.SGD(batch_size=0), "batch_size=0"),
        (
            lambda: bl.fit(MACHINES[0], TRAIN, bl.SGD(clip=1e9), 0),
            r"up to clip=1e\+09 in units of 2\^-1, of which .* in batches of 100 is 0.002, too few .* lower clip or",
        ),
        (
            lambda: bl.fit(MACHINES[0], TRAIN, bl.SGD(clip=1e-12), 0),
            r"clip=1e-12 is less than a unit of the latents, 2\^-22 at a learning rate of 1: raise clip",
        ),
        (lambda: bl.fit(MACHINES[0], TRAIN, bl.SGD(learning_rate=1e-7), 0), "raise the learning rate"),
        (
            lambda: bl.fit(MACHINES[0], TRAIN, bl.ADV(learning_rate=1e-12, pretrain_learning_rate=1e12), 0),
            "at learning_rate=1e-12",
        ),
        (lambda: bl.SGD(stop_at_zero_error=1), "stop_at_zero_error=1 is not true or false"),
        (lambda: bl.RSGD(replicas=0), "replicas=0"),
        (lambda: bl.RSGD(coupling=-0.1), "coupling=-0.1 is not a number from .* or 0"),
        (lambda: bl.RSGD(coupling_form="often"), "coupling_form='often' is not one of"),
        (lambda: bl.RSGD(coupling_growth=1.5), "the replicas overshoot their mean"),
        (lambda: bl.RSGD(coupling_growth=1e9), "the replicas overshoot their mean"),
        (lambda: bl.ADV(pretrain_epochs=-1), "pretrain_epochs=-1"),
        (lambda: bl.ADV(pretrain_learning_rate=0), "pretrain_learning_rate=0"),
        (lambda: bl.fit(bl.Perceptron(3), TRAIN, bl.SGD(), 0), "has 3 inputs but the patterns have 101"),
        (
            lambda: bl.fit(MACHINES[0], TRAIN, "SGD", 0),
            "'SGD' is not an SGD, RSGD or ADV, nor another Algorithm",
        ),
        (lambda: bl.fit("perceptron", TRAIN, bl.SGD(), 0), "'perceptron' is not a Perceptron"),
        (lambda: bl.fit(MACHINES[0], (TRAIN.inputs, TRAIN.labels), bl.SGD(), 0), "tuple given where Patterns"),
        (lambda: bl.fit(MACHINES[0], TRAIN, bl.SGD(), 0, start="abc"), "start='abc' is not an array of numbers"),
    ],
)
def test_bad_settings_are_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [bl.SGD, bl.RSGD, bl.ADV])
def test_a_subclass_is_not_trained_as_what_it_is_not(kind):
    class Own(kind):
        """Would do something else."""

    a, b = (bl.fit(bl.Perceptron(TRAIN.n_inputs), TRAIN, bl.SGD(epochs=1), seed) for seed in (0, 1))
    for call in (
        lambda: bl.fit(a.machine, TRAIN, Own(epochs=1), 0),
        lambda: Own(epochs=1).fit(a.machine, TRAIN, 0),
        lambda: bl.optimized_path(a, b, TRAIN, Own(epochs=1), 0),
    ):
        with pytest.raises(ValueError, match=r"algorithm is a .*Own; .*or define fit\(machine, data, seed, start\)"):
            call()


def test_a_subclass_with_a_fit_of_its_own_is_trained_by_it():
    @dataclass(frozen=True, kw_only=True)
    class Twice(bl.SGD):
        """Starts again from where it ended."""

        def fit(self, machine, data, seed, start=None):
            first, second = generator(seed, "twice").spawn(2)
            return super().fit(machine, data, second, super().fit(machine, data, first, start).latents)

    once, twice = bl.SGD(epochs=3), Twice(epochs=3)
    streams = generator(4, "twice").spawn(2)
    expected = bl.fit(MACHINES[1], TRAIN, once, streams[1], bl.fit(MACHINES[1], TRAIN, once, streams[0]).latents)
    found = bl.fit(MACHINES[1], TRAIN, twice, seed=4)
    assert np.array_equal(found.latents, expected.latents)
    assert found.algorithm is twice


@dataclass(frozen=True, kw_only=True)
class Drawn(bl.Algorithm):
    """Any weights; gives what a test wants."""

    gives: object = None

    families = ("perceptron", "committee")

    def fit(self, machine, data, seed, start=None):
        if self.gives is not None:
            return self.gives
        drawn = signs(generator(seed, "drawn"), machine.weight_shape)
        return bl.Solution(machine, drawn if start is None else naive.sign(start))


def test_any_algorithm_trains_by_its_own_fit():
    algorithm = Drawn()
    found, again, other = (bl.fit(MACHINES[1], TRAIN, algorithm, seed) for seed in (0, 0, 1))
    assert found.algorithm is algorithm
    assert np.array_equal(found.weights, again.weights)
    assert not np.array_equal(found.weights, other.weights)
    assert (algorithm.n_records, algorithm.n_steps, algorithm.shortened(3)) == (1, 1, algorithm)
    path = bl.optimized_path(bl.fit(MACHINES[1], TRAIN, bl.SGD(epochs=2), 0), found, TRAIN, algorithm)
    assert path.midpoint.algorithm is algorithm
    with pytest.raises(ValueError, match=r"Drawn has no init_bound\(.*: give solutions with latents, or SGD"):
        bl.optimized_path(found, other, TRAIN, algorithm)


@pytest.mark.parametrize("gives", ["x", 3, bl.Solution(bl.Perceptron(3), [1, 1, -1])], ids=repr)
def test_what_is_no_solution_of_the_machine_is_refused(gives):
    with pytest.raises(ValueError, match=r"Drawn\.fit gave .*, not a solution of Perceptron\(n_inputs=101\); return"):
        bl.fit(MACHINES[0], TRAIN, Drawn(gives=gives), 0)


def test_other_algorithms_get_checked_arguments():
    for call in (
        lambda: bl.fit(MACHINES[0], TRAIN, Drawn(), None),
        lambda: bl.fit(MACHINES[0], TRAIN, Drawn(), 0, start=np.ones(3)),
        lambda: bl.fit(bl.Perceptron(3), TRAIN, Drawn(), 0),
        lambda: bl.fit(MACHINES[0], TRAIN, Drawn, 0),
    ):
        with pytest.raises(ValueError, match=r"^(seed=None|start of shape|Perceptron\(n_inputs=3\) has|algorithm=)"):
            call()


def test_algorithms_say_how_long_they_take():
    for algorithm, records, steps in (
        (bl.SGD(epochs=7), 7, 7),
        (bl.RSGD(epochs=7), 7, 7),
        (bl.ADV(epochs=7, pretrain_epochs=20), 7, 27),
    ):
        assert (algorithm.n_records, algorithm.n_steps) == (records, steps)
        assert algorithm.families == ("perceptron", "committee")
        assert algorithm.shortened(100) == algorithm
        short = algorithm.shortened(2)
        assert type(short) is type(algorithm)
        assert (short.n_records, short.n_steps) == (2, 4 if isinstance(algorithm, bl.ADV) else 2)
        assert algorithm.shortened(0).n_steps == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("algorithm", "scale"),
    [("SGD", 1.0), ("SGD", 0.3), ("RSGD", 1.0), ("ADV", 1.0)],
)
def test_integers_train_as_float32_does(algorithm, scale):
    """Paired runs (same problem, start and shuffles): no mean difference beyond chance.

    24 problems each; train and test error, local energy at 5 % flips. Of the 12 differences one is beyond 4.2 standard
    errors (t law, 23 degrees of freedom) in less than 1 of 200 repetitions, were there none.
    """
    differences = np.array([paired_difference(algorithm, scale, sample) for sample in range(24)])
    mean, error = differences.mean(axis=0), differences.std(axis=0, ddof=1) / np.sqrt(len(differences))
    assert np.all(np.abs(mean) <= 4.2 * error + 1e-12), (mean, error)
    assert np.all(error < 0.02)  # else nothing would be seen


def paired_difference(name, scale, sample):
    """Integer run minus float32 run."""
    seed = np.random.SeedSequence([1, sample])
    manifold = bl.HiddenManifold(101, 41, seed)
    train, test = manifold.sample(130, seed=2 * sample), manifold.sample(2000, seed=2 * sample + 1)
    machine = bl.CommitteeMachine(101, 11)
    short = {"SGD": bl.SGD(epochs=40), "RSGD": bl.RSGD(epochs=40, replicas=3)}
    short["ADV"] = bl.ADV(epochs=40, pretrain_epochs=40)
    algorithm = replace(short[name], output_scale=scale)
    runs = [bl.fit(machine, train, algorithm, seed), float_fit(machine, train, algorithm, seed)]
    measures = [
        [run.error(train), run.error(test), bl.local_energy(run, train, [0.05], method="exact").mean[0]] for run in runs
    ]
    return np.subtract(*measures)


def float_fit(machine, train, algorithm, seed):
    """The run of `bl.fit` in float32."""
    replicas = getattr(algorithm, "replicas", 1)
    label_rng, *streams = generator(seed, "fit").spawn(1 + replicas)
    bound, outputs = algorithm.init_bound(machine.n_inputs, machine.n_hidden), np.array(machine.output_signs)
    latents = np.array([rng.uniform(-bound, bound, machine.weight_shape) for rng in streams], np.float32)
    rule = {"window": 1.0, "clip": 1.0, "scale": algorithm.output_scale}
    phases = [(train.labels, algorithm.learning_rate, algorithm.epochs)]
    if isinstance(algorithm, bl.ADV):
        noise = train.with_random_labels(label_rng).labels
        phases.insert(0, (noise, algorithm.pretrain_learning_rate, algorithm.pretrain_epochs))
    for labels, rate, epochs in phases:
        for epoch in range(epochs):
            order = np.stack([naive.shuffled(rng.random(train.n_patterns)) for rng in streams])
            pull = rate * algorithm.pull(epoch) if replicas > 1 else 0
            float_training.train_epoch(
                latents, train.inputs, labels, outputs, order, 100, rule | {"learning_rate": rate}, pull
            )
    return bl.Solution(machine, naive.sign(latents.mean(axis=0)))
