"""Families that other packages bring: everything the engine does with binland's own, planes and bends included."""

import os
import re
import sys
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest

import binland as bl
from binland import cli
from binland.errors import ClusterError, InvalidInputError, StoreError
from binland.families.shallow import SHALLOW
from binland.paths import optimized_midpoint
from binland.plots import plot_results
from binland.stamp import code_stamp
from binland.sweep import registry, workers
from binland.sweep.config import check_settings, from_text
from binland.sweep.estimate import estimate
from binland.sweep.execute import draw
from binland.sweep.export import export_csv
from binland.sweep.naming import streams, task_identity
from binland.sweep.registry import find_family
from binland.sweep.store.layout import DONE
from binland.sweep.store.merge import merge
from binland.sweep.store.store import count_states
from binland.sweep.tasks import Cell, Task
from tests.sweep import coarse
from tests.sweep.small import assert_same_numbers, changed, tasks
from tests.toys.coarse import COARSE, Coarse, WarmSGD, plain
from tests.toys.install import install

CELL = Cell((1,), 1, "ADV")  # width = 3
BEND, PLANE = Task("bend", CELL, (0, 1)), Task("plane", CELL, (0, 1, 2))


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        coarse.installed(tmp_path_factory.mktemp("site"), patch)
        patch.setenv("PYTHONPATH", f"{sys.path[0]}:{os.environ.get('PYTHONPATH', '')}")  # of workers
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory, installed):
    path = tmp_path_factory.mktemp("toy") / "whole.h5"
    bl.run_sweep(coarse.spec(), path)
    return path


# Which family it is


def test_a_kind_decides_the_family():
    assert find_family("committee") is find_family("perceptron") is SHALLOW
    assert coarse.spec().family is COARSE
    assert from_text(coarse.spec().text()).family is COARSE


@pytest.mark.parametrize("kind", ["deep", "", "x" * 1000, "\u2028", 3, None, ["toy"]])
def test_an_unknown_kind_is_one_line_that_lists_all(kind):
    with pytest.raises(InvalidInputError, match=r"toy: model.kind = .*'perceptron', 'committee', .*'coarse'") as caught:
        coarse.spec(model={"kind": kind})
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 500


def test_a_package_that_needs_another_one_says_which():
    message = (
        "the plug-in 'lost' = 'a_package_that_is_not_there' of the package 'toy' cannot be imported"
        " (ModuleNotFoundError: No module named 'a_package_that_is_not_there'); mend or uninstall it"
    )
    for changes in ({"model": {"kind": "lost"}}, {"data": {"kind": "lost"}}, {"measure": {"lost": True}}):
        with pytest.raises(InvalidInputError, match=f"lost.*{re.escape(message)}$"):
            coarse.spec(**changes)


def test_a_kind_of_binland_whose_package_is_missing_says_how_to_install_it(monkeypatch):
    coarse.forget_installed(monkeypatch)
    monkeypatch.setitem(sys.modules, "deepbridge.binary.family", None)
    with pytest.raises(
        InvalidInputError, match=r"'mlp': .*deepbridge.*; install it with pip install '\.\[deep\]' in a"
    ):
        find_family("mlp")


def test_binlands_own_kinds_are_found_without_an_import_of_others(monkeypatch):
    coarse.forget_installed(monkeypatch)
    assert find_family("committee") is SHALLOW
    assert not registry._loaded


FAMILY = """
from tests.toys.coarse import Coarse
class Mine(Coarse):
    {body}
MINE = Mine()
"""
BROKEN = {
    "raises": ("broken_raises", "raise ValueError('two\\nlines')", r"\(ValueError: two lines\)"),
    "syntax": ("broken_syntax", "def", r"\(SyntaxError: invalid syntax"),
    "exits": ("broken_exits", "raise SystemExit(0)", r"\(SystemExit: 0\)"),
    "nothing": ("broken_nothing:MODULE", "", r"\(AttributeError: .*'MODULE'"),
    "part": ("broken_part", "raise ImportError('initialization failed')", "ImportError: initialization failed"),
    "text": ("not a module!", "", "imported"),
    "number": ("broken_number:FAMILY", "FAMILY = 3", ".TypeError: 3 is no module"),
    "kinds": ("broken_kinds", FAMILY.format(body="kinds = 'mine'"), r"Mine: kinds = 'mine' is not a tuple of texts"),
    "unnamed": ("broken_unnamed", FAMILY.format(body="kinds = ()"), "Mine: kinds is empty"),
    "word": ("broken_word", FAMILY.format(body="kinds = ('a b',)"), "Mine: 'a b' is not a name"),
    "settings": ("broken_settings", FAMILY.format(body="kinds, Settings = ('x',), 3"), "Mine: Settings = 3 is not"),
    "states": ("broken_states", FAMILY.format(body="kinds, states = ('x',), ()"), r"Mine: states = \(\) are not"),
    "attribute": (
        "broken_attribute",
        FAMILY.format(body="kinds = ('x',)\n    states = property(lambda self: 1 / 0)"),
        "Mine: lacks something that it needs .ZeroDivisionError",
    ),
    "class": (
        "broken_class",
        FAMILY.format(body="kinds, algorithms = ('x',), {'Other': __import__('binland').SGD}"),
        r"Mine: algorithms\['Other'\] = .*is no class of Algorithm of that name",
    ),
    "taken": ("broken_taken", FAMILY.format(body="kinds = ('committee',)"), "binland has a family of that name"),
    "twice": ("broken_twice", FAMILY.format(body="kinds = ('x',)") + "TWO = Mine()", "'x' is declared twice"),
}  # fmt: skip


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """Registers modules of a package that is called broken."""

    def register(entries, name="broken", **modules):
        install(tmp_path, entries, name, **modules)
        monkeypatch.syspath_prepend(tmp_path)
        coarse.forget_installed(monkeypatch)

    return register


@pytest.mark.parametrize("kind", BROKEN)
def test_an_entry_point_that_cannot_be_used_is_one_line(registered, kind):
    value, text, reason = BROKEN[kind]
    registered(f"{kind} = {value}", **{f"broken_{kind}": text})
    where = rf"'{kind}': is not .*; the plug-in '{kind}' = '{re.escape(value)}' of the package 'broken' cannot be "
    with pytest.raises(InvalidInputError, match=f"{where}.*{reason}") as caught:
        find_family(kind)
    assert len(str(caught.value).splitlines()) == 1
    assert find_family("coarse") is COARSE  # another package is as before
    assert find_family("committee") is SHALLOW


def test_entry_points_that_cannot_be_read_are_one_line(registered):
    registered("no equals sign")
    with pytest.raises(InvalidInputError, match=r"entry points of the installed packages cannot be read \(.*malformed"):
        find_family("unknown")
    assert find_family("committee") is SHALLOW


def test_what_two_packages_declare_is_taken_from_neither(registered):
    mine = FAMILY.format(body="kinds = ('x', 'coarse')")
    registered("mine = broken_mine", broken_mine=mine)
    for kind in ("x", "coarse"):
        with pytest.raises(
            InvalidInputError, match=r"model.kind = 'coarse' is declared by the plug-in 'mine' = 'broken_"
        ) as caught:
            find_family(kind)
        assert "and by the plug-in 'toy' = 'tests.toys.coarse' of the package 'toy'; uninstall one" in str(caught.value)


def test_two_entry_points_of_one_module_are_one(registered):
    registered("again = tests.toys.coarse")
    assert find_family("coarse") is COARSE


def test_what_a_module_holds_is_not_asked_what_it_is(registered):
    """Stand-ins for objects that are not there yet raise whatever is asked of them."""
    body = (
        "class StandIn:\n"
        "    __class__ = property(lambda self: 1 / 0)\n"
        "    def __getattr__(self, name): raise RuntimeError('outside of a request')\n"
        "REQUEST = StandIn()\n"
    )
    registered("mine = broken_asked", broken_asked=body + FAMILY.format(body="kinds = ('x',)"))
    assert type(find_family("x")).__name__ == "Mine"


def test_ctrl_c_while_a_family_is_imported_is_ctrl_c(registered, ctrl_c):
    """Libraries turn a KeyboardInterrupt into an ImportError."""
    text = (
        "import os, signal\ntry:\n os.kill(os.getpid(), signal.SIGINT)\nexcept KeyboardInterrupt:\n raise ImportError"
    )
    registered("slow = broken_slow", broken_slow=text + FAMILY.format(body="kinds = ('x',)"))
    with pytest.raises(KeyboardInterrupt):
        find_family("x")
    assert type(find_family("x")).__name__ == "Mine"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": {"n_hidden": [9]}}, "unknown key grid.n_hidden = .*allowed: .*width"),
        ({"grid": {"width": [0]}}, "grid.model.width = 0"),
        ({"local_energy": {"flip": "count"}}, "unknown key measure.local_energy.flip"),
        ({"local_energy": {"flips": "independent"}}, "which has no independent_local_energy"),
        ({"algorithms": {"WarmSGD": {"warmth": 1}}}, "unknown key algorithms.WarmSGD.warmth = 1; .*temperature"),
        ({"algorithms": {"RSGD": {}}}, "algorithms.RSGD: kind = 'RSGD' is not one of .*WarmSGD, ADV"),
        ({"store": {"latents": False}}, "measure.plane needs latent weights; set store.latents = true"),
        ({"grid": {"solutions": 2}}, r"measure.plane looks at 3 solutions; set grid.solutions >= 3 \(not 2\)"),
        ({"plane": {"points": 1}}, "measure.plane.points = 1"),
        ({"plane": {"points": -1}}, "measure.plane.points = -1"),
        ({"grid": {"solutions": 1}, "measure": {"bend": {}}}, "measure.bend looks at 2 solutions"),
        ({"bend": {"midpoint_algorithm": "RSGD"}}, "'RSGD' is not one of the algorithms ADV, WarmSGD"),
        ({"bend": {"midpoints": 10_000}, "grid": {"solutions": 100}}, "make .* tasks; at most"),
        ({"plane": {"points": 9999}}, "measure.plane.points make 99980001 points of a plane; at most"),
    ],
)  # fmt: skip
def test_a_bad_value_gets_one_line(changes, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        coarse.spec(**changes)
    assert "\n" not in str(caught.value)


def test_bends_need_an_algorithm():
    own = coarse.settings()
    del own["measure"]["bend"]["midpoint_algorithm"]
    with pytest.raises(
        InvalidInputError, match=r"measure.bend: needs an algorithm: add one of kind SGD, or name one in"
    ):
        check_settings(own, "toy")
    assert coarse.spec().measures["bend"][1].midpoint_algorithm == "WarmSGD"
    assert coarse.spec().at((0,)).algorithms["WarmSGD"] == WarmSGD(epochs=4, temperature=0.5)


# What comes out


def test_results_have_the_familys_dimensions(whole):
    data = bl.load_results(whole)
    grid = ("width", "disorder", "algorithm")
    assert data["barrier"].dims == (*grid, "pair", "symmetry", "order")
    assert data["bend_error"].dims == (*grid, "bend", "symmetry", "leg", "position")
    assert data["plane_error"].dims == (*grid, "plane", "symmetry", "plane_row", "plane_column")
    assert data["n_weights"].dims == ("width",)
    assert data["n_weights"].values.tolist() == [45, 27]
    assert data["width"].attrs == {"long_name": "number of hidden units L", "units": "1"}
    assert [data[name].values.tolist()[:3] for name in ("bend_start", "bend_end", "bend_midpoint")] == [
        [0, 0, 0],
        [1, 1, 2],
        [0, 1, 0],
    ]
    for kind in ("solution", "errors", "local_energy", "pair", "bend", "plane"):
        assert bool((data[f"{kind}_state"] == DONE).all())
    for name in ("bend_distance", "bend_barrier", "bend_error", "midpoint_error", "plane_error", "plane_corner"):
        assert bool(data[name].notnull().all()), name


def test_the_provenance_names_the_familys_code_and_libraries(whole):
    data = bl.load_results(whole)
    assert data.attrs["version_pytest"] == pytest.__version__
    assert data.attrs["code"] == code_stamp("coarse 1") != code_stamp()


def test_solutions_come_back(whole):
    found = bl.load_solution(whole, width=3, algorithm="WarmSGD", disorder=1, solution=2)
    assert found.weights.shape == found.latents.shape == (3, 9)
    assert np.array_equal(np.where(found.latents >= 0, 1, -1), found.weights)
    assert found.algorithm == WarmSGD(epochs=4, temperature=0.5)
    assert np.array_equal(found.weights, bl.load_solution(whole, 3, "WarmSGD", 1, 2).weights)
    for wrong in ({"n_inputs": 9}, {"size": 9, "width": 9}, {}):
        with pytest.raises(InvalidInputError, match=r"name one point of its grid: width=|is not in the file"):
            bl.load_solution(whole, algorithm="WarmSGD", **wrong)
    with pytest.raises(InvalidInputError, match="width=9 is not in the file, which has 5, 3"):
        bl.load_solution(whole, width=9, algorithm="WarmSGD")


def test_bends_and_planes_are_what_their_parts_give_by_hand(whole):
    spec = coarse.spec()
    train = draw(spec, CELL.point, 1).train
    point = bl.load_results(whole).sel(width=3, disorder=1, algorithm="ADV")
    solutions = [bl.load_solution(whole, 3, "ADV", 1, k) for k in range(3)]
    found = (point["bend_start"] == 2) & (point["bend_end"] == 0) & (point["bend_midpoint"] == 1)
    bent, sgd = point.isel(bend=int(np.flatnonzero(found)[0])), plain(spec.at(CELL.point).algorithms["WarmSGD"])
    seeds = {name: stream.seed for name, stream in streams(spec, Task("bend", CELL, (2, 0), 1)).items()}
    for symmetry in ("raw", "aligned"):
        moved = [bl.align(s, to=solutions[0]).solution if symmetry == "aligned" else s for s in solutions]
        plane = COARSE.plane([solutions[0], *moved[1:]], train, 5, None)
        at = point.isel(plane=0).sel(symmetry=symmetry)
        for name in ("x", "y"):
            assert np.array_equal(at[f"plane_{name}"], getattr(plane, name))
        assert np.array_equal(at["plane_error"], plane.errors)
        assert np.array_equal(at["plane_corner"], plane.corners)
        start, end = solutions[2], solutions[0]
        end = bl.align(end, to=start).solution if symmetry == "aligned" else end
        middle = optimized_midpoint(start, end, train, sgd, seeds[f"{symmetry} midpoint"])
        legs = [
            bl.barrier(*ends, train, 2, seeds[f"{symmetry} {leg}"])
            for leg, ends in (("first", (start, middle)), ("second", (middle, end)))
        ]
        at = bent.sel(symmetry=symmetry)
        assert at["bend_distance"].values.tolist() == [bl.hamming(start, middle), bl.hamming(middle, end)]
        assert np.array_equal(at["bend_barrier"], np.maximum(legs[0].samples, legs[1].samples))
        assert float(at["midpoint_error"]) == middle.error(train)
        assert at["bend_error"].sel(leg="first")[-1] == at["bend_error"].sel(leg="second")[0] == middle.error(train)


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        ({"bend": {"orders": 3}}, {"bend"}),
        ({"bend": {"profile_points": 3}}, {"bend"}),
        ({"bend": {"midpoint_algorithm": "ADV"}}, {"bend"}),
        ({"algorithms": {"WarmSGD": {"epochs": 5}}}, {"bend"}),
        ({"plane": {"points": 6}}, {"plane"}),
        ({"local_energy": {"fractions": [0.2]}}, set()),
        ({"pair": {"orders": 3}}, set()),
        ({"grid": {"width": [7, 3], "solutions": 4}}, set()),
        ({"bend": {"midpoints": 3}}, set()),
        ({"seed": 6}, {"bend", "plane"}),
    ],
)
def test_what_changes_a_number_changes_an_id(changes, affected):
    ids = [[task_identity(spec, task).id for task in (BEND, PLANE)] for spec in (coarse.spec(), coarse.spec(**changes))]
    assert {kind for kind, one, two in zip(("bend", "plane"), *ids, strict=True) if one != two} == affected


def test_all_ids_are_different():
    ids = [task_identity(coarse.spec(), task).id for task in tasks(coarse.spec())]
    assert len(set(ids)) == len(ids) == 8 * (3 + 2 * 3 + 6 + 12 + 1)


# What the engine does with it


@pytest.mark.slow
def test_workers_find_the_family_and_give_the_same_numbers(whole, tmp_path):
    bl.run_sweep(coarse.spec(), tmp_path / "out.h5", workers=2)
    assert_same_numbers(whole, tmp_path / "out.h5", coarse.spec())


def test_workers_with_other_code_of_the_family_are_refused(monkeypatch):
    mine = code_stamp("coarse 1")
    assert workers.run_batch(mine, coarse.spec().text(), b"", []) == []
    monkeypatch.setattr(Coarse, "stamp", lambda self: "coarse 2")
    with pytest.raises(ClusterError, match="runs other code"):
        workers.run_batch(mine, coarse.spec().text(), b"", [])


def test_workers_without_the_family_are_refused(monkeypatch):
    text = coarse.spec().text()
    monkeypatch.setattr(registry, "_entries", list)
    coarse.forget_installed(monkeypatch)
    with pytest.raises(ClusterError, match=r"a worker cannot run this sweep: model.kind = 'coarse': is not "):
        workers.run_batch(code_stamp("coarse 1"), text, b"", [])


class Stop(Exception):
    """Interrupts a run."""


def test_an_interrupted_sweep_goes_on_and_repeats_nothing(whole, tmp_path, monkeypatch):
    path, executed = tmp_path / "parts.h5", []
    execute = workers.execute
    monkeypatch.setattr(workers, "execute", lambda text, job: executed.append(job.task) or execute(text, job))

    def stop(progress):
        if progress.finished == 60:
            raise Stop

    for _ in range(3):  # solutions are then read from the file, padded to the largest machine
        with pytest.raises(Stop):
            bl.run_sweep(coarse.spec(), path, report=stop)
    bl.run_sweep(coarse.spec(), path)
    assert len(executed) == len(set(executed)) == len(tasks(coarse.spec()))
    assert_same_numbers(whole, path, coarse.spec())


def test_a_failed_midpoint_is_recorded_and_the_sweep_goes_on(whole, tmp_path, monkeypatch):
    def failing(*_):
        raise ArithmeticError("planted")

    with monkeypatch.context() as patch:
        patch.setattr(Coarse, "midpoint", failing)
        store = bl.run_sweep(coarse.spec(), tmp_path / "out.h5")
    counts = count_states(store.states())
    assert (counts["failed"], counts["done"], counts["left"], counts["blocked"]) == (96, 128, 0, 0)
    assert {task.kind for task in store.failures()} == {"bend"}
    bl.run_sweep(coarse.spec(), tmp_path / "out.h5", retry_failed=True)
    assert_same_numbers(whole, tmp_path / "out.h5", coarse.spec())


def test_tasks_run_in_the_familys_context_after_its_warm_up(tmp_path, monkeypatch):
    """The context holds for every task and ends with them; warming up comes before workers and estimates."""
    seen, inside = [], []

    @contextmanager
    def one_thread(self):
        inside.append(1)
        yield
        inside.pop()

    fit = Coarse.fit
    monkeypatch.setattr(Coarse, "one_thread", one_thread)
    monkeypatch.setattr(Coarse, "warm_up", lambda self: seen.append("warm"))
    monkeypatch.setattr(Coarse, "fit", lambda *arguments: seen.append(len(inside)) or fit(*arguments))
    few = coarse.spec(grid={"width": [3], "disorder_samples": 1})
    bl.run_sweep(few, tmp_path / "out.h5")
    assert (seen, inside) == ([1] * 6, [])
    seen.clear()
    estimate(few)
    assert seen[0] == "warm"
    assert {*seen[1:]} == {1}
    assert inside == []


@pytest.mark.slow
def test_a_larger_grid_is_added(whole, tmp_path):
    path = tmp_path / "out.h5"
    path.write_bytes(whole.read_bytes())
    larger = coarse.spec(grid={"width": [3, 7, 5], "solutions": 4}, algorithms={"first": {"kind": "ADV", "epochs": 1}})
    with pytest.raises(StoreError, match=r"remove model.width = \[5\]"):
        bl.run_sweep(coarse.spec(grid={"width": [3]}), path, extend=True)
    bl.run_sweep(larger, path, extend=True)
    bl.run_sweep(larger, tmp_path / "anew.h5")
    assert_same_numbers(tmp_path / "anew.h5", path, larger)


def test_another_midpoint_algorithm_is_another_sweep(whole, tmp_path):
    path = tmp_path / "out.h5"
    path.write_bytes(whole.read_bytes())
    with pytest.raises(StoreError, match=r"change measure\.bend\.midpoint_algorithm from 'WarmSGD' to 'ADV'"):
        bl.run_sweep(coarse.spec(bend={"midpoint_algorithm": "ADV"}), path, extend=True)


@pytest.mark.slow
def test_parts_are_merged(whole, tmp_path):
    paths = [tmp_path / f"{k}.h5" for k in (1, 2)]
    for k, path in enumerate(paths, 1):
        bl.run_sweep(coarse.spec(), path, part=(k, 2))
    merge(paths, tmp_path / "all.h5")
    assert_same_numbers(whole, tmp_path / "all.h5", coarse.spec())
    with changed(paths[0]) as file:
        place = tuple(np.argwhere(file["plane_state"][...] == DONE)[0])
        file["plane_error"][place] += 1
    with pytest.raises(StoreError, match=r"disagree on plane of width = .*: plane_error differs"):
        merge([whole, paths[0]], tmp_path / "none.h5")


def test_files_of_two_families_are_not_merged(whole, finished, tmp_path):
    with pytest.raises(StoreError, match=r"is not of the same sweep as .*: model.kind is coarse and committee"):
        merge([finished, whole], tmp_path / "all.h5")


def test_a_file_with_other_ids_is_refused(whole, tmp_path):
    path = tmp_path / "out.h5"
    path.write_bytes(whole.read_bytes())
    with changed(path) as file:
        file["bend_id"][...] = "0" * 64
    with pytest.raises(StoreError, match="draws other random numbers for bend of 0 -> 1 of width = 5"):
        bl.run_sweep(coarse.spec(), path)


def test_every_measurement_is_exported(whole, tmp_path):
    export_csv(whole, tmp_path / "all.csv")
    table, data = pd.read_csv(tmp_path / "all.csv"), bl.load_results(whole)
    for name in ("bend_barrier", "bend_error", "bend_distance", "midpoint_error", "plane_error", "plane_corner"):
        assert sorted(table["value"][table["quantity"] == name]) == sorted(data[name].values.ravel()), name
    row = table[
        (table["quantity"] == "bend_distance") & (table["width"] == 3) & (table["disorder"] == 0)
        & (table["start"] == 1) & (table["end"] == 2) & (table["midpoint"] == 1)
        & (table["algorithm"] == "WarmSGD") & (table["leg"] == "second")
        & (table["symmetry"] == "raw")
    ]  # fmt: skip
    bend = int(np.flatnonzero((data["bend_start"] == 1) & (data["bend_end"] == 2) & (data["bend_midpoint"] == 1))[0])
    where = {"width": 3, "disorder": 0, "algorithm": "WarmSGD", "bend": bend, "leg": "second", "symmetry": "raw"}
    assert row["value"].item() == float(data["bend_distance"].sel(where))
    assert row["n_weights"].item() == 27


class Work:
    """A clock that the family's work moves."""

    def __init__(self, patch):
        self.now = 0.0
        steps = {"fit": lambda model, data, algorithm, *_: algorithm.n_steps, "midpoint": lambda *_: 0.25}
        steps |= {"local_energy": lambda *_: 3, "shortest_paths": lambda *_: 5, "plane": lambda *rest: rest[2] ** 2}
        for name, step in steps.items():
            patch.setattr(Coarse, name, self.timed(getattr(Coarse, name), step))

    def __call__(self):
        return self.now

    def timed(self, verb, step):
        def timed(family, *arguments):
            self.now += step(*arguments)
            return verb(family, *arguments)

        return timed


def test_an_estimate_knows_all_kinds(tmp_path, monkeypatch, capsys):
    costly = coarse.spec(
        data={"n_inputs": 51, "n_patterns": 300},
        grid={"width": [3, 5], "disorder_samples": 1},
        algorithms={"WarmSGD": {"epochs": 200}},
        plane={"points": 21},
    )
    with monkeypatch.context() as patch:
        expected = estimate(costly, Work(patch))
    both_states, midpoints = 2, 1
    per_task = {"errors": 0, "local_energy": 3, "pair": both_states * 5, "plane": both_states * 21**2}
    per_task["bend"] = both_states * midpoints * (0.25 + 2 * 5 + 200)
    for (kind, _, label), seconds in expected.seconds.items():
        trained = {"WarmSGD": 200, "ADV": 5}[label]
        assert seconds == pytest.approx(per_task.get(kind, trained), rel=0.1), (kind, label)
    assert {kind for kind, _, _ in expected.seconds} == {"solution", *per_task}
    real, store = estimate(costly), bl.run_sweep(costly, tmp_path / "out.h5")
    assert expected.bytes == pytest.approx((tmp_path / "out.h5").stat().st_size, rel=0.3)
    taken = store.seconds()
    with capsys.disabled():
        for kind in ("solution", *per_task):
            some = [task for task in taken if task.kind == kind]
            print(
                f"\n{kind}: estimate {real.work(some):.2g} s, measured {sum(taken[task] for task in some):.2g} s",
                end="",
            )


@pytest.mark.slow
def test_every_figure_is_drawn(whole, tmp_path):
    written = plot_results(whole, tmp_path)
    stems = ["whole", *(f"whole_{name}_width_{size}" for name in ("paths", "plane") for size in (3, 5))]
    assert sorted(path.name for path in written) == sorted(f"{stem}.{end}" for stem in stems for end in ("png", "pdf"))
    assert all(path.stat().st_size > 5000 for path in written)


@pytest.mark.slow
def test_an_unfinished_sweep_of_one_size_is_drawn(tmp_path):
    path, seen = tmp_path / "out.h5", []
    one = coarse.spec(grid={"width": [3], "disorder_samples": 1})

    def look(progress):
        if progress.finished in (1, 4, 10, 22, 30, 43):
            seen.append(len(plot_results(path, tmp_path)))

    bl.run_sweep(one, path, report=look)
    assert seen == [2, 2, 4, 4, 6, 6]


@pytest.mark.slow
def test_the_command_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "toy.toml").write_text(coarse.TEXT)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["binland", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    code, stdout, _ = run("sweep", "toy.toml", "--dry-run")
    assert code == 0
    assert [line.split()[:2] for line in stdout.splitlines()[:2]] == [["kind", "L"], ["solution", "5"]]
    assert "224 of 224 tasks to do" in stdout
    code, stdout, _ = run("sweep", "toy.toml", "--out", "toy.h5", "--workers", "1")
    assert (code, "224 of 224 tasks done, 0 failed" in stdout) == (0, True)
    assert "224 done, 0 running, 0 failed, 0 left, of 224 tasks" in run("status", "toy.h5")[1]
    assert run("plot", "toy.h5")[1].count(".png") == 5
    assert run("export", "toy.h5", "--csv", "toy.csv")[0] == 0
    (tmp_path / "lost.toml").write_text(coarse.TEXT.replace('kind = "coarse"', 'kind = "lost"'))
    code, _, stderr = run("sweep", "lost.toml", "--out", "x.h5")
    assert (code, stderr.count("\n")) == (2, 1)
    assert stderr.startswith("error: lost.toml: model.kind = 'lost': is not ")
    assert "'a_package_that_is_not_there' of the package 'toy' cannot be imported" in stderr


def test_files_without_bends_and_planes_have_nothing_of_them(finished):
    names = [*bl.load_results(finished).variables]
    assert not [name for name in names if "bend" in name or "plane" in name or name in ("leg", "corner", "component")]
