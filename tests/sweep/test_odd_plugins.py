"""Plug-ins that do what no plug-in should: one line before a run, a recorded failure in a task, a sound file."""

import re
import sys
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pytest

import binland as bl
from binland import cli
from binland.errors import BinlandError, InvalidInputError
from binland.plots import plot_results
from binland.sweep import config as configuration
from binland.sweep import execute, plugins, registry
from binland.sweep.config import check_settings
from binland.sweep.contracts.measure import Measure, OfPairs
from binland.sweep.contracts.problem import Inputs
from binland.sweep.contracts.variable import Coordinate, Variable
from binland.sweep.estimate import estimate
from binland.sweep.export import export_csv
from binland.sweep.store.merge import merge
from binland.sweep.store.store import Store
from tests.sweep.small import assert_same_numbers
from tests.toys.clusters import Clusters
from tests.toys.coarse import Coarse
from tests.toys.metropolis import Metropolis


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    """What a test declares is gone when it ends."""
    monkeypatch.setattr(registry, "_own", registry.Declared())
    monkeypatch.setattr(registry, "_by_hand", [])
    monkeypatch.setattr(registry, "_changes", [*registry._changes, None])
    monkeypatch.setattr(plugins, "_imported", {})
    configuration._from_text.cache_clear()
    execute._kept["train"]._things.clear()
    execute._kept["test"]._things.clear()


class OddSettings(OfPairs):
    """length: of what is stored. times: repeats."""

    length: int = 3
    times: int = 1


class Odd(Measure):
    """A measure of numbers that say where they are from."""

    name, of = "odd", 1
    Settings: ClassVar = OddSettings

    def variables(self, settings):
        return {"oddity": Variable(("place",), "f8", "1", "an oddity")}

    def coordinates(self, settings):
        return {"place": Coordinate(settings.length)}

    def streams(self, settings, states, described):
        return {"draw": {"purpose": "odd"}}

    def repeats(self, settings):
        return settings.times

    def run(self, settings, case):
        return {"oddity": np.random.default_rng(case.seeds["draw"]).random(settings.length)}


def changed(base, **changes):
    """An object of a class that differs from another in a few attributes; functions take the place of methods."""
    return type(base.__name__, (base,), {"__module__": __name__, **changes})()


def tables(**changes):
    plain = {
        "data": {"kind": "random-labels", "n_inputs": 9, "n_patterns": 10, "n_test": 5},
        "model": {"kind": "committee", "n_hidden": 3},
        "grid": {"disorder_samples": 2, "solutions": 2},
        "algorithms": {"SGD": {"epochs": 1}},
        "measure": {"odd": {}, "pair": False, "local_energy": False},
    }
    return {**plain, **{name: {**plain.get(name, {}), **change} for name, change in changes.items()}}


def refused(config, message, folder):
    """One line from the API and from the command line, with exit code 2, and no file."""
    with pytest.raises(BinlandError, match=message) as caught:
        bl.run_sweep(config, folder / "x.h5", report=lambda _: None)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 600
    assert not (folder / "x.h5").exists()


def given(name, value):
    return {name: lambda *_: value}


def stored(*inner, dtype="f8", name="oddity", **options):
    return given("variables", {name: Variable(inner, dtype, "1", "an oddity", **options)})


def raising(name):
    def method(*_):
        raise KeyError("planted")

    return {name: method}


REFUSED = {
    "no dict": (given("variables", 3), "measure.odd: cannot say what it stores"),
    "variables raise": (raising("variables"), "measure.odd: cannot say what it stores .KeyError: 'planted'"),
    "coordinates raise": (raising("coordinates"), "measure.odd: cannot say what it stores .KeyError: 'planted'"),
    "no variable": (given("variables", {"oddity": ("place",)}), "oddity is .*, not a Variable"),
    "dtype object": (stored("place", dtype="O"), "oddity has the dtype 'O', not one of f8, f4"),
    "dtype": (stored("place", dtype=np.dtype("f8")), "oddity has the dtype dtype.'float64'., not one of"),
    "dtype class": (stored("place", dtype=float), "has the dtype <class 'float'>, not one of"),
    "unknown dimension": (stored("elsewhere"), "oddity has the dimension 'elsewhere', which is none of place"),
    "dimension twice": (stored("place", "place"), "has .* for different dimensions"),
    "a name with a slash": (stored("place", name="a/b"), "'a/b' is no name of a variable"),
    "a name with a dot": (stored("place", name="a.b"), "'a.b' is no name of a variable"),
    "an empty name": (stored("place", name=""), "'' is no name of a variable"),
    "a long name": (stored("place", name="a" * 300), "is no name of a variable: letters, digits and _, at most 100"),
    "a name of a state": (stored("place", name="odd_state"), "'odd_state' belongs to the tasks of odd too"),
    "a name of ids": (stored("place", name="solution_id"), "'solution_id' belongs to the tasks of solution too"),
    "a name of a dimension": (stored("place", name="place"), "'place' belongs to the dimensions of what is stored too"),
    "a name of a coordinate": (stored("place", name="n_weights"), "'n_weights' belongs to the problem or the family"),
    "a name of a problem's": (stored("place", name="constraint_density"), "belongs to the problem or the family"),
    "a name of tasks": (stored("place", name="solution"), "'solution' belongs to the tasks of solution"),
    "a name of the grid": (stored("place", name="disorder"), "'disorder' belongs to the grid too"),
    "a name of another measure": (stored("place", name="train_error"), "its variable train_error is one of"),
    "the history": (stored("place", name="history"), "its variable history is one of the family too"),
    "a dimension of the grid": (
        stored("algorithm") | given("coordinates", {"algorithm": Coordinate(2)}), "'algorithm' belongs to the grid too",
    ),
    "a dimension of tasks": (
        stored("solution") | given("coordinates", {"solution": Coordinate(2)}), "'solution' belongs to the tasks of",
    ),
    "a negative length": (given("coordinates", {"place": Coordinate(-1)}), "place is .*, neither a number nor a tuple"),
    "NumPy labels": (given("coordinates", {"place": Coordinate(tuple(np.arange(3)))}), "place is .*, neither a number"),
    "labels twice": (given("coordinates", {"place": Coordinate((1, 1))}), "place is .*, neither a number"),
    "labels of two kinds": (given("coordinates", {"place": Coordinate((1, "a"))}), "place is .*, neither a number"),
    "labels that are none": (given("coordinates", {"place": Coordinate((float("nan"),))}), "place is .*, neither"),
    "a list of labels": (given("coordinates", {"place": Coordinate([1, 2])}), "place is .*, neither a number"),
    "labels with control characters": (given("coordinates", {"place": Coordinate(("a\0b",))}), "place is .*, neither"),
    "no coordinate": (given("coordinates", {"place": 3}), "the dimension place is 3, neither a number nor a tuple"),
    "negative repeats": (given("repeats", -1), "measure.odd: repeats = -1 is not a whole number of at least 1"),
    "no repeats": (given("repeats", 0), "measure.odd: repeats = 0 is not"),
    "half repeats": (given("repeats", 1.5), "measure.odd: repeats = 1.5 is not"),
    "repeats raise": (raising("repeats"), "measure.odd: repeats = KeyError.'planted'. is not"),
    "repeats without a name": (given("repeats", 2), "measure.odd: repeats 2 times and has no name for it"),
    "limits raise": (raising("limits"), "test_odd_plugins.py, line .*KeyError: 'planted'"),
    "needs raise": (raising("needs"), "test_odd_plugins.py, line .*KeyError: 'planted'"),
    "limits are none": (given("limits", [3]), "one of the plug-ins tests.*test_odd_plugins is at fault: TypeError"),
    "streams are none": (given("streams", 3), "measure.odd: its key 3 is no dict"),
    "a stream is none": (given("streams", {"draw": 3}), "measure.odd: stream 'draw': its key 3 is no dict"),
    "a stream of no purpose": (given("streams", {"draw": {}}), "its stream 'draw' says no purpose; add it"),
    "a stream of objects": (given("streams", {"draw": {"purpose": "odd", "of": {1}}}), "TypeError: .1. is neither a"),
    "a stream that names a sample": (
        given("streams", {"draw": {"purpose": "odd", "disorder": 0}}), "its key has 'disorder', by which",
    ),
    "a key of objects": (given("key", {"of": object()}), "TypeError: <object object .* is neither a number"),
    "a key of arrays": (given("key", {"of": np.zeros(2)}), "TypeError: ndarray of shape .* is neither a number"),
    "a key that names streams": (given("key", {"streams": {}}), "measure.odd: its key has 'streams', by which"),
    "keys raise": (raising("key"), "test_odd_plugins.py, line .*KeyError: 'planted'"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_measure_that_no_file_can_hold_is_one_line(case, tmp_path):
    changes, message = REFUSED[case]
    bl.register(changed(Odd, **changes))
    refused(tables(), message, tmp_path)


DECLARED = {
    "a name with a dot": ({"name": "a.b"}, "Odd: 'a.b' is not a name of letters"),
    "a unicode name": ({"name": "ö"}, "Odd: 'ö' is not a name of letters"),
    "a name with an end of line": ({"name": "odd\n"}, "is not a name of letters"),
    "a long name": ({"name": "a" * 101}, "is not a name of letters, digits, - and _, at most 100"),
    "no name": ({"name": None}, "Odd: None is not a name"),
    "the name of a dimension": ({"name": "disorder"}, "Odd: 'disorder' is the name of a dimension"),
    "libraries of a text": ({"libraries": "gudhi"}, "Odd: libraries = 'gudhi' is not a tuple of texts"),
    "of a fraction": ({"of": 1.5}, "Odd: of = 1.5 is not a number of solutions"),
    "of true": ({"of": True}, "Odd: of = True is not a number of solutions"),
    "of many": ({"of": 10**6}, "Odd: of = 1000000 is not a number of solutions"),
    "repeats of solutions": ({"repeat": "solution"}, "Odd: repeat = 'solution' names something else"),
    "repeats of nothing": ({"repeat": 3}, "Odd: 3 is not a name"),
    "latents": ({"latents": "perhaps"}, "Odd: latents = 'perhaps' is not one of unused, used, needed"),
    "an attribute that raises": ({"of": property(lambda self: 1 / 0)}, "Odd: lacks something .*ZeroDivisionError"),
}


@pytest.mark.parametrize("case", DECLARED)
def test_a_declaration_without_what_it_needs_is_one_line(case):
    changes, message = DECLARED[case]
    with pytest.raises(InvalidInputError, match=message):
        bl.register(changed(Odd, **changes))


def failures(config, folder, message, **options):
    """Tasks that failed say so with the plug-in's name; the file is sound, and goes on."""
    store = bl.run_sweep(config, folder / "x.h5", report=lambda _: None, **options)
    found = store.failures()
    assert found
    for text in found.values():
        assert re.search(message, text), text
    bl.load_results(folder / "x.h5")
    export_csv(folder / "x.h5", folder / "x.csv")
    merge([folder / "x.h5"], folder / "y.h5")
    bl.run_sweep(config, folder / "x.h5", report=lambda _: None, retry_failed=True)
    return found


RETURNED = {
    "nothing": (given("run", None), "measure.odd returned None, which is no dict of oddity"),
    "a list": (given("run", [1.0]), "measure.odd returned .*, which is no dict of oddity"),
    "something else": (given("run", {"other": 1.0}), "measure.odd returned .*, which is no dict of oddity"),
    "no array": (given("run", {}), "measure.odd has no oddity, which is to be stored"),
    "texts": (given("run", {"oddity": ["a", "b", "c"]}), "measure.odd: oddity is "),
    "objects": (given("run", {"oddity": np.array([{}, {}, {}])}), "measure.odd: oddity is "),
    "complex numbers": (given("run", {"oddity": np.array([1j, 1, 1])}), "measure.odd: oddity is "),
    "a ragged list": (given("run", {"oddity": [[1], [1, 2], 3]}), "ValueError"),
    "a number": (given("run", {"oddity": 1.0}), "measure.odd: oddity is .*its dimensions are .place."),
    "too many": (given("run", {"oddity": np.zeros(4)}), r"measure.odd: oddity has the shape \(4,\); .* \(3,\)"),
    "too few": (given("run", {"oddity": np.zeros(2)}), r"measure.odd: oddity has the shape \(2,\); .* \(3,\)"),
    "an exit": (
        {"run": lambda *_: sys.exit(0)}, "SystemExit: 0",
    ),
    "an error": (raising("run"), r"(?s)test_odd_plugins.*KeyError: 'planted'"),
}  # fmt: skip


@pytest.mark.parametrize("case", RETURNED)
def test_what_a_measure_returns_is_checked(case, tmp_path):
    changes, message = RETURNED[case]
    bl.register(changed(Odd, **changes))
    assert len(failures(tables(), tmp_path, message)) == 4


def test_lengths_that_grow_while_the_sweep_runs_are_a_failure(tmp_path):
    def grown(self, settings):
        return {"place": Coordinate(5 if (tmp_path / "x.h5").exists() else 3)}

    bl.register(changed(Odd, coordinates=grown))
    store = bl.run_sweep(tables(), tmp_path / "x.h5", report=lambda _: None)
    assert store.failures()
    assert all("oddity has the shape" in text for text in store.failures().values())


def test_keys_may_hold_numbers_of_numpy(tmp_path):
    """They are what the same numbers of Python are."""
    ids = []
    for number in (3, np.int64(3), np.uint8(3)):
        bl.register(changed(Odd, **given("key", {"number": number, "half": type(np.float64(1))(0.5)})))
        path = tmp_path / f"{type(number).__name__}.h5"
        bl.run_sweep(tables(), path, report=lambda _: None)
        with Store.open(path).snapshot() as snapshot:
            ids.append(snapshot.read("odd_id").ravel().tolist())
    assert ids[0] == ids[1] == ids[2]


# Algorithms


@dataclass(frozen=True, kw_only=True)
class Strange(Metropolis):
    """gives: what fit returns. records: what it says of its history."""

    families: ClassVar = ("committee", "sphere")

    gives: str = "history"
    records: int = 2

    @property
    def n_records(self):
        return self.records if self.records < 10 else "many"

    def shortened(self, n):
        return Strange(sweeps=1, gives=self.gives, records=self.records)

    def fit(self, machine, data, seed, start=None):
        if self.gives == "nothing":
            return None
        if self.gives == "an exit":
            sys.exit(0)
        weights = np.ones(machine.weight_shape, np.int8)
        return bl.Solution(machine, weights, history=np.zeros(5))


def strange(**settings):
    return {"Strange": settings}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gives": "nothing"}, "Strange.fit gave None, not a solution of "),
        ({"gives": "an exit"}, "SystemExit"),
        ({"records": 2}, r"algorithms.Strange: history has the shape \(5,\); n_records of the algorithm allow \(2,\)"),
    ],
)
def test_what_an_algorithm_returns_is_checked(settings, message, tmp_path):
    bl.register(Odd(), Strange)
    failures(tables(algorithms=strange(**settings)), tmp_path, message)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"records": 99}, "algorithms.Strange: n_records = 'many' is not a whole number"),
        ({"records": -1}, "algorithms.Strange: n_records = -1 is not a whole number"),
        ({"records": "x"}, "algorithms.Strange: TypeError"),
        ({"sweeps": "x"}, "algorithms.Strange: sweeps="),
        ({"temperature": object()}, "algorithms.Strange: TypeError: <object object .* is neither a number nor"),
    ],
)
def test_settings_of_an_algorithm_that_it_cannot_take_are_one_line(settings, message, tmp_path):
    bl.register(Odd(), Strange)
    refused(tables(algorithms=strange(**settings)), message, tmp_path)


def test_an_algorithm_that_cannot_be_shortened_more_is_estimated():
    bl.register(Odd(), Strange)
    estimate(check_settings(tables(algorithms=strange(sweeps=1000, records=5)), "odd"), lambda: 0.0)


def test_solutions_without_latent_weights_are_measured_as_they_are(tmp_path):
    """They may come from the journal or, padded, from the file."""
    bl.register(Metropolis)
    config = tables(
        algorithms={"Metropolis": {"sweeps": 1}},
        measure={"odd": False, "bend": {"midpoints": 1, "orders": 1, "profile_points": 2}},
    ) | {"store": {"latents": True}}
    del config["measure"]["odd"]

    class Stop(Exception):
        """Interrupts a run."""

    def stop(progress):
        if progress.finished == 5:
            raise Stop

    bl.run_sweep(config, tmp_path / "whole.h5", report=lambda _: None)
    with pytest.raises(Stop):
        bl.run_sweep(config, tmp_path / "parts.h5", report=stop)
    bl.run_sweep(config, tmp_path / "parts.h5", report=lambda _: None)
    assert not Store.open(tmp_path / "parts.h5").failures()
    assert_same_numbers(tmp_path / "whole.h5", tmp_path / "parts.h5", check_settings(config, "x"))
    assert bl.load_solution(tmp_path / "whole.h5", algorithm="Metropolis").latents is None


# Problems


class Lists(NamedTuple):
    inputs: list
    labels: list


def of_problem(**changes):
    """A sweep of a problem that differs from the toy."""
    bl.register(Odd(), changed(Clusters, **changes))
    return tables(data={"kind": "clusters"}) | {"data": {"kind": "clusters", "n_inputs": 9, "n_patterns": 10}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (given("inputs", Inputs(())), r"data.kind = 'clusters': its inputs are .*, not Inputs\(\(N,\)\)"),
        (given("inputs", Inputs((0,))), "has a length below 1, or fewer than 2 classes"),
        (given("inputs", Inputs((9,), 1)), "has a length below 1, or fewer than 2 classes"),
        (given("inputs", Inputs((9.0,))), "has a length below 1"),
        (given("inputs", Inputs([9])), "not Inputs"),
        (given("inputs", (9,)), "not Inputs"),
        (given("inputs", Inputs((9,), 2, "words")), "values = 'words' is neither signs nor reals"),
        (raising("inputs"), "test_odd_plugins.py, line .*KeyError: 'planted'"),
        (raising("check_ready"), "test_odd_plugins.py, line .*KeyError: 'planted'"),
        (raising("key"), "test_odd_plugins.py, line .*KeyError: 'planted'"),
        (given("key", {"seed": 3}), "data.kind = 'clusters': its key has 'seed', by which the engine"),
        (given("key", {"of": object()}), "is neither a number nor a text"),
        (given("coordinates", {"load": 3}), "one of the plug-ins .* is at fault: TypeError"),
        (given("coordinates", {"disorder": (3, "x")}), "the name 'disorder' belongs to the grid too"),
        (given("coordinates", {"n_inputs": ("x", "x")}), "is at fault: ValueError"),
        (given("summary", 3), "is at fault: AttributeError"),
        (given("warnings", 3), "is at fault: TypeError"),
        (given("limits", 3), "is at fault: TypeError"),
    ],
)  # fmt: skip
def test_a_problem_that_says_something_odd_is_one_line(changes, message, tmp_path):
    refused(of_problem(**changes), message, tmp_path)


def test_a_problem_may_give_lists(tmp_path):
    draw = Clusters.draw

    def lists(self, settings, seed, purpose):
        patterns = draw(self, settings, seed, purpose)
        return Lists(patterns.inputs.tolist(), patterns.labels.tolist())

    bl.run_sweep(of_problem(), tmp_path / "arrays.h5", report=lambda _: None)
    bl.run_sweep(of_problem(draw=lists), tmp_path / "lists.h5", report=lambda _: None)
    assert_same_numbers(tmp_path / "arrays.h5", tmp_path / "lists.h5", check_settings(of_problem(), "x"))


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (None, "data.kind = 'clusters': .*None.* has no .inputs and .labels"),
        (Lists([[1] * 8], [1]), "data.kind = 'clusters': "),
        (Lists([[1] * 9], [1, 1]), "data.kind = 'clusters': "),
        (Lists([1], [1]), "data.kind = 'clusters': "),
    ],
)
def test_patterns_that_are_none_are_a_failure(patterns, message, tmp_path):
    failures(of_problem(draw=lambda *_: patterns), tmp_path, message)


def test_a_problem_that_is_changed_in_a_notebook_is_drawn_anew(tmp_path):
    draw = Clusters.draw

    def reversed_labels(self, settings, seed, purpose):
        patterns = draw(self, settings, seed, purpose)
        return patterns._replace(labels=-patterns.labels)

    found = []
    for name, changes in (("one", {}), ("two", {"draw": reversed_labels})):
        store = bl.run_sweep(of_problem(**changes), tmp_path / f"{name}.h5", report=lambda _: None)
        found.append(bl.load_problem(store.path).train.labels)
    assert np.array_equal(found[0], -found[1])


# Families


def of_family(**changes):
    """A sweep of a family that differs from the toy."""
    bl.register(Odd(), changed(Coarse, **changes))
    plain = tables()
    return plain | {"model": {"kind": "coarse"}, "algorithms": {"WarmSGD": {"epochs": 1}}}


def encoded(**changes):
    encode = Coarse.encode
    return {"encode": lambda self, solution: encode(self, solution) | changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (encoded(other=np.zeros(3)), "the solution of algorithms.WarmSGD returned .*, which is no dict of history"),
        (encoded(weights=np.zeros(99, np.uint8)), r"algorithms.WarmSGD: weights has the shape \(99,\); lengths of"),
        (encoded(weights=np.zeros((2, 2), np.uint8)), "weights is .*; its dimensions are .byte."),
        (encoded(replica_spread="x"), "replica_spread is "),
        (given("encode", {}), "the solution of algorithms.WarmSGD has no weights, which is to be stored"),
        (given("encode", None), "model.kind = 'coarse': encode gave None, which is no dict of arrays"),
        (given("fit", None), "algorithms.WarmSGD: None is no solution: it has no .error and .history"),
        (raising("fit"), "KeyError: 'planted'"),
        (raising("build"), "KeyError: 'planted'"),
        (raising("decode"), "KeyError: 'planted'"),
    ],
)  # fmt: skip
def test_what_a_family_returns_is_checked(changes, message, tmp_path):
    failures(of_family(**changes), tmp_path, message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (given("variables", None), "the family: cannot say what it stores"),
        (given("lengths", {"byte": Coordinate(1)}), "the family: replica_error has the dimension 'replica', which"),
        (raising("lengths"), "the family: cannot say what it stores .KeyError"),
        ({"rebuilt_from": ("others",)}, "the family: rebuilt_from names 'others', which is none of its variables"),
        ({"rebuilt_from": ("replica_error",)}, "the family: replica_error is optional, and solutions"),
        (raising("n_weights"), "KeyError: 'planted'|cannot say what it stores"),
        (given("n_weights", "many"), "mend"),
        (raising("key"), "test_odd_plugins.py, line .*KeyError: 'planted'"),
        (raising("stamp"), "test_odd_plugins.py, line .*KeyError: 'planted'"),
        (raising("stream_key"), "test_odd_plugins.py, line .*KeyError: 'planted'"),
        ({"in_disorder": ("depth",)}, "is at fault: KeyError: 'depth'"),
    ],
)  # fmt: skip
def test_a_family_that_says_something_odd_is_one_line(changes, message, tmp_path):
    refused(of_family(**changes), message, tmp_path)


def test_a_family_whose_solutions_grow_is_a_failure(tmp_path):
    """It says other lengths than when the file was made."""
    lengths = Coarse.lengths

    def grown(*arguments):
        return lengths(*arguments) | {"replica": Coordinate(9 if (tmp_path / "x.h5").exists() else 1)}

    config = of_family(lengths=grown, **encoded(replica_error=np.zeros(9)))
    store = bl.run_sweep(config, tmp_path / "x.h5", report=lambda _: None)
    assert store.failures()
    assert all("replica_error" in text for text in store.failures().values())
    bl.load_results(tmp_path / "x.h5")


# Measures of any number of solutions, repeats, dimensions


class Repeated(Odd):
    """Some times for every group of solutions."""

    repeat = "again"


def goes_through_all(measure, folder, pairs="within", solutions=4, count=0):
    """Run, kill, resume, extend, merge, export, plot; gives the results."""
    bl.register(measure)
    own = {"times": 2, **({"pairs": pairs} if measure.of == 2 else {})}
    plain = tables(grid={"solutions": solutions, "disorder_samples": 1}, measure={measure.name: own})
    plain["measure"].pop("odd", None) if measure.name != "odd" else None
    plain["algorithms"] = {"SGD": {"epochs": 1}, "other": {"kind": "SGD", "epochs": 2}}
    small, large = plain, {**plain, "grid": {"solutions": solutions + 1, "disorder_samples": 2}}
    small["measure"][measure.name] = own
    whole = bl.run_sweep(large, folder / "whole.h5", report=lambda _: None)
    assert not whole.failures()
    bl.run_sweep(small, folder / "grown.h5", report=lambda _: None)
    bl.run_sweep(large, folder / "grown.h5", extend=True, report=lambda _: None)
    parts = [bl.run_sweep(large, folder / f"{k}.h5", part=(k, 2), report=lambda _: None).path for k in (1, 2)]
    merge(parts, folder / "merged.h5")
    spec = check_settings(large, "x")
    for other in ("grown", "merged"):
        assert_same_numbers(folder / "whole.h5", folder / f"{other}.h5", spec)
    export_csv(folder / "whole.h5", folder / "whole.csv")
    plot_results(folder / "whole.h5", folder)
    estimate(spec, lambda: 0.0)
    results = bl.load_results(folder / "whole.h5")
    numbers = np.concatenate([results[name].values.ravel() for name in results if name.endswith("oddity")])
    assert len(np.unique(numbers)) == numbers.size == count  # every task has draws of its own
    return results


@pytest.mark.parametrize(
    ("of", "pairs", "count"),
    [(1, "within", 2 * 2 * 5 * 2), (2, "within", 2 * 2 * 20 * 2), (2, "all", 2 * 2 * (20 + 25) * 2),
     (3, "within", 2 * 2 * 2), (4, "within", 2 * 2 * 2)],
)  # fmt: skip
def test_a_measure_of_any_number_of_solutions_is_repeated(of, pairs, count, tmp_path):
    results = goes_through_all(changed(Repeated, of=of), tmp_path, pairs, count=3 * count)
    assert results["oddity"].dims == ("disorder", "algorithm", "odd", "place")
    assert set(results["odd_again"].values) == {0, 1}
    if pairs == "all":
        assert results["across_oddity"].dims == ("disorder", "across_odd", "place")
        assert set(results["across_odd_again"].values) == {0, 1}


def test_two_measures_may_have_dimensions_of_one_name_with_other_labels(tmp_path):
    labels = (("a", "b", "c"), ("d", "e", "f"), (0.5, 1.5, 2.5), 2)
    names = ["one", "two", "three", "four"]
    for name, values in zip(names, labels, strict=True):
        place, length = Coordinate(values), Coordinate(values).length
        bl.register(
            changed(
                Odd, name=name, **stored("place", name=f"{name}_oddity"), **given("coordinates", {"place": place}),
                run=lambda self, settings, case, name=name, n=length: {f"{name}_oddity": np.arange(n, dtype=float)},
            )
        )  # fmt: skip
    plain = tables()
    plain["measure"] = {name: {} for name in names}
    bl.run_sweep(plain, tmp_path / "x.h5", report=lambda _: None)
    data = bl.load_results(tmp_path / "x.h5")
    for name, values in zip(names, labels, strict=True):
        found = data[f"{name}_oddity"]
        assert not found.isel({found.dims[-1]: slice(0, Coordinate(values).length)}).isnull().any()
        if isinstance(values, tuple):
            assert tuple(data[found.dims[-1]].values) == values
    export_csv(tmp_path / "x.h5", tmp_path / "x.csv")


def test_names_of_any_alphabet_are_kept(tmp_path):
    labels = {"ort_ü": Coordinate(("ä", "ß", "→"))}
    bl.register(changed(Odd, **stored("ort_ü", name="größe_λ"), **given("coordinates", labels),
                        run=lambda self, settings, case: {"größe_λ": np.arange(3.0)}))  # fmt: skip
    bl.run_sweep(tables(), tmp_path / "x.h5", report=lambda _: None)
    data = bl.load_results(tmp_path / "x.h5")
    assert data["größe_λ"].sel({"ort_ü": "→"}).values.tolist() == [[[2.0, 2.0]]] * 2
    export_csv(tmp_path / "x.h5", tmp_path / "x.csv")
    assert "größe_λ" in (tmp_path / "x.csv").read_text(encoding="utf-8")


# Modules


MODULE = """
from pydantic import Field
from tests.sweep.test_odd_plugins import Odd as Base
class Odd(Base):
    pass
"""


def with_module(folder, *texts):
    """A sweep whose plug-ins are files beside it."""
    names = [f"mine{k}" for k in range(len(texts))]
    for name, text in zip(names, texts, strict=True):
        (folder / f"{name}.py").write_text(MODULE + text)
    lines = ["[data]", "kind = 'random-labels'", "n_inputs = 9", "n_patterns = 10", "n_test = 5", "[model]"]
    lines += ["kind = 'committee'", "n_hidden = 3", "[grid]", "solutions = 2", "[algorithms.SGD]", "epochs = 1"]
    lines += ["[measure]", "pair = false", "local_energy = false", "odd = true"]
    (folder / "odd.toml").write_text("\n".join([f"plugins = {names}", *lines]))
    return folder / "odd.toml"


@pytest.mark.slow
def test_a_module_that_registers_what_it_declares_is_no_trouble(tmp_path):
    config = with_module(
        tmp_path, "import binland as bl\nODD = Odd()\nbl.register(ODD)\nbl.register(ODD)\nAGAIN = ODD\n"
    )
    one = bl.run_sweep(config, tmp_path / "one.h5", report=lambda _: None)
    two = bl.run_sweep(config, tmp_path / "two.h5", workers=2, report=lambda _: None)
    assert not one.failures()
    assert_same_numbers(one.path, two.path, one.spec)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["ONE, TWO = Odd(), Odd()\n"], "plugins: 'mine0' measure.odd is declared twice"),
        (["ONE = Odd()\n", "ONE = Odd()\n"], "plugins: measure.odd is declared twice .by 'mine0' and 'mine1'.; rename"),
        (["def __getattr__(name): raise KeyError(name)\n__dir__ = 3\n"], "declares no problem, family, measure"),
        (["import sys\nsys.modules[__name__] = None\n"], "mine0"),
        (["class P(Odd):\n name = 'pair'\nP_ = P()\n"], "plugins: 'mine0' .*binland has a measure of that name"),
        (["del Odd\n"], "declares no problem, family, measure"),
    ],
)  # fmt: skip
def test_odd_modules_are_one_line(texts, message, tmp_path, monkeypatch, capsys):
    config = with_module(tmp_path, *texts)
    refused(config, message, tmp_path)
    monkeypatch.setattr(sys, "argv", ["binland", "sweep", str(config), "--dry-run"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_module_that_changes_the_state_of_the_process_changes_no_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    quiet = with_module(tmp_path, "ODD = Odd()\n")
    expected = bl.run_sweep("odd.toml", "whole.h5", report=lambda _: None)
    plugins._imported.clear()
    (tmp_path / "other").mkdir()
    loud = "import os, random, numpy\nos.chdir('/')\nnumpy.random.seed(0)\nrandom.seed(0)\nODD = Odd()\n"
    config = with_module(tmp_path / "other", loud)
    found = bl.run_sweep(config.relative_to(tmp_path), "other.h5", report=lambda _: None)
    assert found.path.resolve() == tmp_path / "other.h5"
    assert_same_numbers(expected.path, found.path, expected.spec)
    assert quiet.exists()


def test_each_sweep_gets_its_own_plugin_back(tmp_path):
    """Two plug-ins of one name in one process."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = with_module(tmp_path / "a", "ODD = Odd()\n")
    body = "class Zero(Base):\n    def run(self, settings, case): return {'oddity': [0.0] * 3}\nODD = Zero()\n"
    two = with_module(tmp_path / "b", body)
    for k in range(2):
        bl.run_sweep(one, tmp_path / f"one{k}.h5", report=lambda _: None)
        store = bl.run_sweep(two, tmp_path / f"two{k}.h5", report=lambda _: None)
        assert bl.load_results(store.path)["oddity"].values.max() == 0
    assert bl.load_results(tmp_path / "one1.h5")["oddity"].values.min() > 0


def test_figures_that_raise_are_one_line(tmp_path):
    bl.register(changed(Odd, **raising("panels")))
    bl.run_sweep(tables(), tmp_path / "x.h5", report=lambda _: None)
    with pytest.raises(InvalidInputError, match=r"test_odd_plugins.py, line .*KeyError: 'planted'"):
        plot_results(tmp_path / "x.h5", tmp_path)
