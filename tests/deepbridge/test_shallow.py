"""One layer is binland's perceptron, two with fixed outputs its committee machine."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given

import binland as bl
import deepbridge as db
from binland.algorithms.fixed_point import unit_of
from binland.errors import InvalidInputError
from deepbridge.binary import training
from tests.naive.training import shuffled
from tests.problems import problems


def pair(problem):
    shallow = [problem.solution() for _ in range(2)]
    return shallow, [db.Solution.from_shallow(solution) for solution in shallow]


@given(problems(kinds=("perceptron", "ones")))
def test_same_errors_distances_and_predictions(problem):
    shallow, deep = pair(problem)
    for a, b in zip(shallow, deep, strict=True):
        assert a.error_count(problem.patterns) == b.error_count(problem.patterns)
        assert np.array_equal(a.predict(problem.patterns.inputs), b.predict(problem.patterns.inputs))
    assert bl.hamming(*shallow) == db.hamming(*deep)


@given(problems(kinds=("perceptron", "ones")))
def test_same_path_errors(problem):
    shallow, deep = pair(problem)
    expected = bl.shortest_path(*shallow, problem.patterns, seed=0)
    found = db.shortest_path(*deep, problem.patterns, seed=0, points="all")
    assert np.array_equal(found.flipped, expected.flipped)
    assert np.array_equal(found.error_counts, expected.error_counts)
    assert found.barrier == expected.barrier
    assert found.length == expected.length
    assert np.array_equal(
        db.barrier(*deep, problem.patterns, 2, seed=1, points="all").profile,
        bl.barrier(*shallow, problem.patterns, 2, seed=1).profile,
    )


@given(problems(kinds=("perceptron", "ones")))
def test_same_local_energies(problem):
    (shallow, _), (deep, _) = pair(problem)
    expected = bl.local_energy(shallow, problem.patterns, [0.1, 0.5], 3, seed=2)
    found = db.local_energy(deep, problem.patterns, [0.1, 0.5], 3, seed=2)
    assert np.allclose(found.samples, expected.samples, atol=1e-15)


@given(problems(kinds=("ones",)))
def test_same_aligned_solution(problem):
    shallow, deep = pair(problem)
    expected, found = bl.align(shallow[1], to=shallow[0]), db.align(deep[1], to=deep[0])
    assert np.array_equal(found.solution.weights[0], expected.solution.weights)
    assert np.array_equal(found.permutation[0], expected.permutation)


@pytest.mark.parametrize(
    "algorithm",
    [
        bl.SGD(epochs=3),
        bl.RSGD(epochs=3, replicas=3, coupling=0.05),
        bl.RSGD(epochs=3, replicas=3, coupling=0.05, coupling_form="in_gradient"),
        bl.RSGD(epochs=3, replicas=3, coupling=0.05, coupling_form="after_epoch"),
        bl.ADV(epochs=3, pretrain_epochs=2),
    ],
    ids=lambda a: f"{type(a).__name__}-{getattr(a, 'coupling_form', '')}",
)
def test_training_is_the_same_up_to_rounding(algorithm, monkeypatch):
    """Three epochs, the same shuffles: a step of a pattern is rounded to a unit, or to float32."""
    monkeypatch.setattr(
        training._Runs,
        "_orders",
        lambda runs: np.stack([shuffled(rng.random(runs.data.n_patterns)) for rng in runs._streams]),
    )
    patterns = bl.HiddenManifold(n_inputs=101, latent_dim=51, seed=0).sample(153, seed=1)
    committee = bl.fit(bl.CommitteeMachine(101, 11), patterns, algorithm, seed=3)
    network = db.BinaryMLP(101, (11,), fixed_output=True)
    deep = db.fit(network, patterns, replace(algorithm, output_scale=np.sqrt(11)), seed=3)
    n_steps = patterns.n_patterns * (3 + getattr(algorithm, "pretrain_epochs", 0))
    rounding = n_steps / 2 * unit_of(committee.machine, algorithm, patterns.n_patterns)
    assert rounding < 1e-3
    assert np.abs(deep.latents[0] - committee.latents).max() < rounding
    assert np.array_equal(deep.history, committee.history)
    perceptron = bl.fit(bl.Perceptron(101), patterns, algorithm, seed=3)
    deep = db.fit(db.BinaryMLP(101, ()), patterns, algorithm, seed=3)
    assert np.abs(deep.latents[0][0] - perceptron.latents).max() < rounding
    if deep.replicas is not None:
        assert np.allclose(deep.replicas.errors, perceptron.replicas.errors)
        assert deep.replicas.spread == pytest.approx(perceptron.replicas.spread)


def test_given_output_weights_are_refused():
    machine = bl.CommitteeMachine(3, 2, (1, -1))
    with pytest.raises(InvalidInputError, match="not all"):
        db.Solution.from_shallow(bl.Solution(machine, np.ones((2, 3), np.int8)))


@pytest.mark.parametrize("name", ["SGD", "RSGD", "ADV"])
def test_algorithms_of_both_packages_are_taken_and_no_subclass_without_a_fit(name):
    patterns = bl.Patterns.random(20, 7, seed=0)
    network = db.BinaryMLP(7, (3,))
    shallow, deep = getattr(bl, name)(epochs=2), getattr(db, name)(epochs=2)
    a, b = (db.fit(network, patterns, db.SGD(epochs=1), seed) for seed in (0, 1))
    for algorithm in (shallow, deep):
        assert type(db.fit(network, patterns, algorithm, 0).algorithm) is getattr(db, name)
        assert type(db.optimized_path(a, b, patterns, algorithm).midpoint.algorithm) is getattr(db, name)
        own = type("Own", (type(algorithm),), {})(epochs=2)
        for call in (
            lambda own=own: db.fit(network, patterns, own, 0),
            lambda own=own: db.fit_many(network, patterns, own, [0, 1]),
            lambda own=own: db.optimized_path(a, b, patterns, own),
            lambda own=own: bl.fit(bl.Perceptron(7), patterns, own, 0),
            lambda own=own: own.fit(network, patterns, 0),
        ):
            with pytest.raises(InvalidInputError, match=r"algorithm is a .*Own; .*or define fit\(\w+, data"):
                call()
    for call in (bl.fit, lambda machine, *rest: deep.fit(machine, *rest[:1], rest[2])):
        with pytest.raises(InvalidInputError, match=r"network=Perceptron\(.*\) is not a BinaryMLP or BinaryConvNet"):
            call(bl.Perceptron(7), patterns, deep, 0)
    with pytest.raises(InvalidInputError, match=r"machine=BinaryMLP\(.*is not a Perceptron or CommitteeMachine"):
        shallow.fit(network, patterns, 0)


@pytest.mark.parametrize("name", ["SGD", "RSGD", "ADV"])
def test_settings_of_networks_say_what_the_engine_asks_of_them(name):
    """The history has an entry for every epoch, looked at or not; what is left out is left out of every phase."""
    kind = getattr(db, name)
    more = {"pretrain_epochs": 3} if name == "ADV" else {}
    algorithm = kind(epochs=5, learning_rate=0.5, history_every=2, learning_rate_steps=((2, 0.5), (4, 0.1)), **more)
    assert algorithm.families == ("mlp", "convnet")
    assert algorithm.n_steps == 5 + more.get("pretrain_epochs", 0)
    patterns, network = bl.Patterns.random(20, 7, seed=0), db.BinaryMLP(7, (3,))
    assert len(db.fit(network, patterns, algorithm, 0).history) == algorithm.n_records == 5
    for n in (0, 1, 2, 4, 9):
        short = algorithm.shortened(n)
        assert type(short) is kind
        assert short == replace(algorithm, epochs=min(n, 5), **{key: min(n, most) for key, most in more.items()})
        assert short.n_steps <= min(n, 5) + min(n, 3)
        found = db.fit(network, patterns, short, 0).history
        assert len(found) == short.n_records == min(n, 5)
        assert not n or not np.isnan(found[-1])
    with pytest.raises(InvalidInputError, match="epochs=-1 is not an integer of at least 0"):
        algorithm.shortened(-1)


@dataclass(frozen=True, kw_only=True)
class Guess(bl.Algorithm):
    """The best of some random weights; knows how to begin, and what it was given."""

    families = ("mlp", "convnet")
    tries: int = 3
    given = []  # noqa: RUF012

    def fit(self, network, data, seed, start=None):
        self.given.append((network, data, seed, start))
        rng = np.random.default_rng(seed)
        drawn = [rng.choice([-1, 1], network.n_weights) for _ in range(self.tries)]
        found = [db.Solution(network, network.split(weights)) for weights in drawn]
        return min(found, key=lambda one: one.error(data))


@dataclass(frozen=True, kw_only=True)
class Warm(db.SGD):
    """Trains with what is left of it at another temperature."""

    temperature: float = 1.0

    def fit(self, network, data, seed, start=None):
        return replace(self, learning_rate=self.learning_rate * self.temperature)._plain(network, data, seed, start)

    def _plain(self, *arguments):
        return super().fit(*arguments)


def test_an_own_algorithm_trains_by_its_own_fit():
    patterns, network = bl.Patterns.random(20, 7, seed=0), db.BinaryMLP(7, (3,))
    guess = Guess(tries=5)
    Guess.given.clear()
    one, two = db.fit_many(network, patterns, guess, [3, 4], progress=False)
    assert [seed for _, _, seed, _ in Guess.given] == [3, 4]
    assert all(type(data) is db.Dataset and start is None for _, data, _, start in Guess.given)
    assert one.algorithm is guess
    assert np.array_equal(one.flat, db.fit(network, patterns, guess, 3).flat)
    assert not np.array_equal(one.flat, two.flat)
    start = tuple(np.ones(shape) for shape in network.weight_shapes)
    db.fit(network, patterns, guess, 0, start)
    assert [layer.shape for layer in Guess.given[-1][3]] == list(network.weight_shapes)
    with pytest.raises(InvalidInputError, match="start have the shapes"):
        db.fit(network, patterns, guess, 0, start[:1])
    with pytest.raises(InvalidInputError, match="seed=-1"):
        db.fit(network, patterns, guess, -1)
    for argument, message in (
        (
            {"dtype": "float64"},
            "dtype='float64' is for SGD, RSGD and ADV, but Guess trains by its own fit",
        ),
        ({"checkpoint": "x.pt"}, "checkpoint='x.pt' is for SGD, RSGD and ADV"),
        ({"device": "cuda:63"}, "device='cuda:63' cannot be used"),
        ({"device": "gpu"}, "device='gpu'"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            db.fit(network, patterns, guess, 0, **argument)


def test_a_subclass_with_a_fit_of_its_own_may_train_as_its_base_does():
    patterns, network = bl.Patterns.random(20, 7, seed=0), db.BinaryMLP(7, (3,))
    warm = Warm(epochs=3, learning_rate=0.25, temperature=2.0)
    found, plain = (db.fit(network, patterns, one, 5) for one in (warm, db.SGD(epochs=3, learning_rate=0.5)))
    assert found.algorithm is warm
    assert np.array_equal(found.history, plain.history)
    assert all(np.array_equal(a, b) for a, b in zip(found.latents, plain.latents, strict=True))
    assert np.array_equal(db.SGD(epochs=3, learning_rate=0.5).fit(network, patterns, 5).flat, plain.flat)


def test_what_an_own_algorithm_gives_is_a_solution_of_the_network():
    patterns, network = bl.Patterns.random(20, 7, seed=0), db.BinaryMLP(7, (3,))
    other = db.BinaryMLP(7, (2,))
    wrong = db.Solution(other, other.split(np.ones(other.n_weights)))
    for bad in (None, np.ones(3), wrong, bl.Solution(bl.Perceptron(7), np.ones(7))):
        own = type("Bad", (bl.Algorithm,), {"fit": lambda self, *_, bad=bad: bad})()
        with pytest.raises(InvalidInputError, match=r"Bad\.fit gave .*, not a solution of BinaryMLP\("):
            db.fit(network, patterns, own, 0)


def test_an_own_algorithm_bends_paths_between_solutions_with_latents():
    patterns, network = bl.Patterns.random(20, 7, seed=0), db.BinaryMLP(7, (3,))
    a, b = (db.fit(network, patterns, db.SGD(epochs=1), seed) for seed in (0, 1))
    bend = db.optimized_path(a, b, patterns, Guess(), 0)
    assert type(bend.midpoint.algorithm) is Guess
    assert Guess.given[-1][3] is not None
    bare = [db.Solution(network, one.weights) for one in (a, b)]
    with pytest.raises(InvalidInputError, match=r"Guess has no init_bound\(n_inputs, n_hidden\)"):
        db.optimized_path(*bare, patterns, Guess(), 0)


def test_a_solution_of_the_other_package_is_told_from_ones_own():
    shallow = bl.Solution(bl.Perceptron(3), np.ones(3, np.int8))
    deep = db.Solution.from_shallow(shallow)
    with pytest.raises(InvalidInputError, match=r"binland\.Solution given where a deepbridge Solution is needed"):
        db.hamming(deep, shallow)
    for bad in (None, deep, "x"):
        with pytest.raises(InvalidInputError, match="given where a binland Solution is needed"):
            db.Solution.from_shallow(bad)
