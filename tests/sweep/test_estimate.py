"""Estimates: their logic by a clock that the work itself moves; real times are only shown."""

import numpy as np
import pytest

import binland as bl
from binland.families import shallow
from binland.measures.plane import PLANE, PlaneSettings
from binland.sweep.estimate import estimate
from tests.sweep.small import spec, tasks


class Work:
    """A clock that stands still but for what the work on it takes: seconds by kind of work."""

    def __init__(self, patch, exponent=1.0, start=0.0):
        self.now, self.trained, self._exponent, self._start = 0.0, set(), exponent, start
        for name, work in (
            ("fit", lambda machine, *_: self.training(machine.n_inputs, _[1])),
            ("local_energy", lambda solution, *_: self.size(solution.machine.n_inputs)),
            ("barrier", lambda start, *_: 3 * self.size(start.machine.n_inputs)),
            ("optimized_midpoint", lambda start, *_: 0.25),
        ):
            patch.setattr(shallow, name, self._timed(getattr(shallow, name), work))

    def __call__(self):
        return self.now

    def _timed(self, function, work):
        def timed(*arguments):
            self.now += work(*arguments)
            return function(*arguments)

        return timed

    def size(self, n_inputs):
        return n_inputs**self._exponent / 1000

    def training(self, n_inputs, algorithm):
        """A constant, and a time for each epoch."""
        self.trained.add(n_inputs)
        return self._start + algorithm.n_steps * self.size(n_inputs)


@pytest.fixture
def work(monkeypatch):
    return lambda **settings: Work(monkeypatch, **settings)


LONG = {"RSGD": {"epochs": 900, "replicas": 2}, "ADV": {"epochs": 300, "pretrain_epochs": 500}, "SGD": {"epochs": 0}}


def test_a_few_epochs_are_scaled_to_the_whole_training(work):
    """Of both phases, the constant beside them once; even where an epoch takes longer than what is timed."""
    clock = work(start=7.0)
    found = estimate(spec(algorithms=LONG), clock).seconds
    for place, n_inputs in enumerate((21, 31)):
        for label, epochs in (("RSGD", 900), ("ADV", 800), ("SGD", 0)):
            assert found["solution", (place,), label] == pytest.approx(7 + epochs * n_inputs / 1000)


def test_few_epochs_are_timed(work):
    clock = work()
    estimate(spec(algorithms={"SGD": {"epochs": 10**6}}, grid={"n_inputs": [21]}), clock)
    assert clock.now < 1


def test_measurements_are_timed_once_and_what_they_train_is_added(work):
    small = spec(measure={"midpoints": 2}, algorithms={"SGD": {"epochs": 900}, "RSGD": {"epochs": 3, "replicas": 2}})
    found = estimate(small, work()).seconds
    for place, n_inputs in enumerate((21, 31)):
        size = n_inputs / 1000
        for label in ("SGD", "RSGD"):
            assert found["local_energy", (place,), label] == pytest.approx(size)
            assert found["pair", (place,), label] == pytest.approx(2 * 3 * size)
            assert found["bend", (place,), label] == pytest.approx(2 * (0.25 + 2 * 3 * size + 900 * size))
            assert found["errors", (place,), label] == 0


def test_data_are_drawn_once_for_the_solutions_of_a_sample(work, monkeypatch):
    """Training patterns count among trainings, test patterns among the measures that look at them."""
    clock = work()

    def sample(manifold, n_patterns, seed):
        clock.now += n_patterns
        return original(manifold, n_patterns, seed)

    original = bl.HiddenManifold.sample
    monkeypatch.setattr(bl.HiddenManifold, "sample", sample)
    idle = {"SGD": {"epochs": 0}, "ADV": {"epochs": 0, "pretrain_epochs": 0}}
    found = estimate(spec(seed=1789, algorithms=idle), clock).seconds  # of data that are not in memory yet
    for label in idle:
        assert found["solution", (0,), label] == pytest.approx(30 / 4)
        assert found["errors", (0,), label] == pytest.approx(50 / 4)
        assert found["local_energy", (0,), label] == pytest.approx(0.021)


@pytest.mark.parametrize("exponent", [0.5, 1, 2])
def test_points_between_the_timed_ones_follow_a_power_law(work, exponent):
    clock, sizes = work(exponent=exponent), [11, 21, 31, 41, 51, 61]
    found = estimate(spec(grid={"n_inputs": sizes[::-1]}, algorithms={"SGD": {"epochs": 50}}), clock)
    assert clock.trained - {3} == {11, 41, 61}
    for place, n_inputs in enumerate(sizes[::-1]):
        assert found.seconds["solution", (place,), "SGD"] == pytest.approx(50 * n_inputs**exponent / 1000)
        assert found.seconds["pair", (place,), "SGD"] == pytest.approx(6 * n_inputs**exponent / 1000)


def test_of_two_axes_the_product_counts(work):
    small = spec(grid={"algorithms.*.epochs": [100, 400, 200]}, algorithms={"SGD": {}})
    found = estimate(small, work()).seconds
    for a, n_inputs in enumerate((21, 31)):
        for b, epochs in enumerate((100, 400, 200)):
            assert found["solution", (a, b), "SGD"] == pytest.approx(epochs * n_inputs / 1000)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"grid": {"solutions": 1}},
        {"measure": {"pair": {"pairs": "all"}, "midpoints": 2}, "store": {"latents": True}},
        {"grid": {"n_inputs": [21, 31, 41, 51], "data.n_patterns": [7, 30]}, "measure": {"local_energy": False}},
        {"grid": {"n_inputs": "5 * model.n_hidden"}},
    ],
    ids=str,
)
def test_the_work_of_all_tasks_and_the_size_of_the_file(tmp_path, work, changes):
    """Every task has a time, and the file is about as large as foretold."""
    small = spec(**changes)
    expected = estimate(small, work())
    assert expected.work(tasks(small)) == pytest.approx(sum(seconds_of(expected, task) for task in tasks(small)))
    bl.run_sweep(small, tmp_path / "out.h5")
    assert expected.bytes == pytest.approx((tmp_path / "out.h5").stat().st_size, rel=0.3)


def seconds_of(expected, task):
    return expected.seconds[task.kind, task.cell.point, task.cell.algorithm]


def test_long_histories_and_large_machines_are_weighed(tmp_path, work):
    small = spec(
        data={"latent_dim": 101, "n_patterns": 303},
        model={"n_hidden": 21},
        grid={"n_inputs": [101, 151, 201, 301], "disorder_samples": 4},
        algorithms={"RSGD": {"epochs": 200}, "ADV": {}},
    )
    expected = estimate(small, work())
    bl.run_sweep(small, tmp_path / "out.h5")
    assert expected.bytes == pytest.approx((tmp_path / "out.h5").stat().st_size, rel=0.3)


def test_planes_are_timed_at_a_few_points():
    assert PLANE.quick(PlaneSettings(points=32)) == (PlaneSettings(points=4), 64)
    assert PLANE.quick(PlaneSettings(points=3)) == (PlaneSettings(points=3), 1)


def test_real_times_beside_their_estimate(tmp_path, capsys):
    """Shown, not judged: other programs take their share of the machine."""
    small = spec(algorithms={"RSGD": {"epochs": 200}, "ADV": {}}, grid={"disorder_samples": 1})
    expected = estimate(small)
    seconds = bl.run_sweep(small, tmp_path / "out.h5").seconds()
    with capsys.disabled():
        print(f"\nestimate {expected.work(tasks(small)):.3g} s, measured {sum(seconds.values()):.3g} s")
    assert all(np.isfinite(seconds_of(expected, task)) and seconds_of(expected, task) >= 0 for task in seconds)
