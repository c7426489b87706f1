from dataclasses import replace

import numpy as np
import pytest

import binland as bl
from binland.checks import checked_path, one_of, real_array
from binland.errors import InvalidInputError

PATTERNS = bl.Patterns.random(10, 21, 0)
ONE, TWO = (bl.fit(bl.CommitteeMachine(21, 3), PATTERNS, bl.SGD(epochs=1), seed) for seed in (0, 1))
WIDE = bl.Solution(bl.CommitteeMachine(21, 20_001), np.ones((20_001, 21), np.int8))
LARGEST = 2**31 - 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: bl.Patterns.random(LARGEST, LARGEST, 0),
        lambda: bl.HiddenManifold(10**7, 10**7, 0),
        lambda: bl.HiddenManifold(21, 5, 0).sample(LARGEST, 0),
        lambda: bl.Teacher(LARGEST, 0),
        lambda: bl.Teacher(21, 0).sample(LARGEST, 0),
        lambda: bl.CommitteeMachine.with_random_outputs(21, LARGEST, 0),
        lambda: bl.fit(bl.CommitteeMachine(21, LARGEST), PATTERNS, bl.SGD(), 0),
        lambda: bl.fit(ONE.machine, PATTERNS, bl.RSGD(replicas=LARGEST), 0),
        lambda: bl.local_energy(ONE, PATTERNS, [0.1], realizations=10**9),
        lambda: bl.local_energy(WIDE, PATTERNS, np.linspace(0, 1, 60_000), realizations=1),
        lambda: bl.barrier(ONE, TWO, PATTERNS, orders=LARGEST),
        lambda: bl.Patterns(np.broadcast_to(np.int8(1), (LARGEST, LARGEST)), [1]),
        lambda: bl.local_energy(ONE, PATTERNS, range(10**12)),
    ],
)
def test_what_memory_cannot_hold_is_refused_before_it_is_asked_for(monkeypatch, call):
    monkeypatch.setattr("binland.checks.memory", lambda: 2**32)
    with pytest.raises(InvalidInputError, match=r"would take .* GiB of memory; this machine has 4 GiB: choose less$"):
        call()


@pytest.mark.parametrize("value", ["c", "", None, 3, np.array(["a", "b"]), ["a"], b"a", "a" * 10**6])
def test_a_word_is_one_of_those_allowed(value):
    assert one_of("letter", "b", ("a", "b")) == "b"
    with pytest.raises(InvalidInputError, match=r"^letter=.* is not one of 'a', 'b'$") as caught:
        one_of("letter", value, ("a", "b"))
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [3, None, b"x.h5", ["x.h5"], "x" * 5000, object()])
def test_a_path_is_a_text_or_a_path(value):
    with pytest.raises(InvalidInputError, match=r"^out=.* (is not a path; give|has 5000 letters; a path has at most)"):
        checked_path("out", value)


@pytest.mark.parametrize(
    "values",
    [["0.5"], np.array(["0.5"], object), [1j], [True], np.array(["2020"], "M8[Y]"), [[1], [1, 2]], [10**400], object()],
)
def test_an_array_of_numbers_is_of_numbers(values):
    with pytest.raises(InvalidInputError, match=r"^fractions=.* is not an array of numbers$"):
        real_array("fractions", values)


def raising(error):
    """An object whose every conversion raises."""

    def convert(*_, **__):
        raise error("planted")

    return type("Odd", (), dict.fromkeys(("__array__", "__fspath__", "__float__", "__repr__"), convert))()


@pytest.mark.parametrize("error", [KeyError, ValueError, AttributeError, ZeroDivisionError])
def test_objects_that_raise_are_refused_like_others(error):
    with pytest.raises(InvalidInputError, match=r"^out=<Odd.*> is not a path; give"):
        checked_path("out", raising(error))
    objects = np.empty(1, object)
    objects[0] = raising(error)
    for values in (raising(error), [raising(error)], objects):
        with pytest.raises(InvalidInputError, match=r"^fractions=.* is not an array of numbers$"):
            real_array("fractions", values)


def test_latents_of_a_solution_are_finite_float32():
    assert bl.Solution(ONE.machine, ONE.weights, 0.5 * ONE.weights).latents.dtype == np.float32
    for wrong in (np.full((3, 21), np.nan), np.full((3, 21), 1e300), np.ones((21, 3)), "abc", np.full((3, 21), "1")):
        with pytest.raises(InvalidInputError, match=r"^latents"):
            bl.Solution(ONE.machine, ONE.weights, wrong)


def test_a_zero_latent_has_the_sign_plus_one():
    machine = bl.Perceptron(3)
    assert bl.Solution(machine, [1, 1, -1], [0.0, -0.0, -1e-40]).latents is not None
    for latents in ([0.0, -1e-40, -1.0], [1.0, 1.0, 0.0], [1.0, 1.0, -1e-60]):  # the last one is 0 in float32
        with pytest.raises(InvalidInputError, match=r"^the signs of the latents differ .* in 1 of 3 places .*; give"):
            bl.Solution(machine, [1, 1, -1], latents)


def test_arrays_of_a_solution_are_its_own():
    given = {"weights": np.array(ONE.weights), "latents": np.array(ONE.latents), "history": np.array([0.5, 0.25])}
    replicas = bl.fit(ONE.machine, PATTERNS, bl.RSGD(epochs=2, replicas=2), 0).replicas
    drawn = {name: np.array(getattr(replicas, name)) for name in ("weights", "errors", "history")}
    made = bl.Solution(ONE.machine, **given, replicas=replace(replicas, **drawn))
    for owner, arrays in ((made, given), (made.replicas, drawn)):
        for name, array in arrays.items():
            before = np.array(array)
            array[...] = -array
            assert np.array_equal(getattr(owner, name), before)
            with pytest.raises(ValueError, match="read-only"):
                getattr(owner, name)[...] = 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"history": 0.5}, r"^history of shape \(\) is not an array of numbers of shape \(any\)$"),
        ({"history": np.ones((2, 2))}, r"^history of shape \(2, 2\)"),
        ({"history": "abc"}, r"^history='abc' is not an array of numbers$"),
        ({"errors": np.ones(3)}, r"^replicas.errors of shape \(3,\) is not an array of numbers of shape \(2\)$"),
        ({"replica_history": np.ones((2, 3))}, r"^replicas.history of shape \(2, 3\) .* \(any, 2\)$"),
        ({"spread": "far"}, r"^replicas.spread='far' is not"),
        ({"spread": [0.1, 0.2]}, r"^replicas.spread of shape \(2,\)"),
    ],
    ids=str,
)
def test_what_is_known_of_a_run_has_its_shape(change, message):
    found = bl.fit(ONE.machine, PATTERNS, bl.RSGD(epochs=2, replicas=2), 0)
    names = {"errors": "errors", "replica_history": "history", "spread": "spread"}
    replicas = replace(found.replicas, **{names[name]: value for name, value in change.items() if name in names})
    fields = {name: value for name, value in change.items() if name not in names}
    with pytest.raises(InvalidInputError, match=message):
        replace(found, **{"replicas": replicas, **fields})
