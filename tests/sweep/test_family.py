"""A family that another package registers: everything the engine does, planes and bends included."""

import re
import sys

import numpy as np
import pandas as pd
import pytest

import binland as bl
from binland import cli
from binland.errors import ClusterError, InvalidInputError, StoreError
from binland.paths import optimized_midpoint
from binland.plots import plot_results
from binland.sweep import workers
from binland.sweep.estimate import estimate
from binland.sweep.execute import draw_problem
from binland.sweep.export import export_csv
from binland.sweep.family import find_family
from binland.sweep.provenance import code_stamp
from binland.sweep.shallow import SHALLOW
from binland.sweep.spec import check_settings, parse_canonical
from binland.sweep.store.layout import DONE
from binland.sweep.store.merge import merge
from binland.sweep.store.store import count_states
from binland.sweep.tasks import BendTask, Cell, PlaneTask, all_tasks, streams, task_identity
from tests.sweep import small, toy
from tests.sweep.small import assert_same_numbers, changed

CELL = Cell(9, 1, "ADV")


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    toy.install(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory, installed):
    path = tmp_path_factory.mktemp("toy") / "whole.h5"
    bl.run_sweep(toy.spec(), path)
    return path


# Which family it is


def test_a_kind_decides_the_family():
    assert find_family("committee") is find_family("perceptron") is SHALLOW
    assert toy.spec().family is toy.FAMILY
    assert type(parse_canonical(toy.spec().canonical())) is toy.Spec


@pytest.mark.parametrize("kind", ["deep", "", "x" * 1000, "\u2028", 3, None, ["toy"]])
def test_an_unknown_kind_is_one_line_that_lists_all(kind):
    with pytest.raises(
        InvalidInputError, match=r"toy: model.kind = .*'lost', .*'toy', .*'perceptron' or 'committee'"
    ) as caught:
        toy.spec(model={"kind": kind})
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 200


def test_a_kind_whose_package_is_missing_says_what_to_install():
    message = (
        "toy: model.kind = 'lost' needs a_package_that_is_not_there, which cannot be imported (for its entry point"
        " 'a_package_that_is_not_there:FAMILY' in the package 'toy'); install it"
    )
    with pytest.raises(InvalidInputError, match=f"^{re.escape(message)}$"):
        toy.spec(model={"kind": "lost"})


def test_a_kind_of_binland_whose_package_is_missing_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "deepbridge.binary.family", None)
    find_family.cache_clear()
    with pytest.raises(
        InvalidInputError, match=r"needs deepbridge.*; install it with pip install '\.\[deep\]' in a clone"
    ):
        find_family("mlp")


BROKEN = {
    "raises": ("broken_raises:FAMILY", "raise ValueError('two\\nlines')", "ValueError: two lines"),
    "syntax": ("broken_syntax:FAMILY", "def", "SyntaxError: invalid syntax"),
    "exits": ("broken_exits:FAMILY", "raise SystemExit(0)", "SystemExit: 0"),
    "nothing": ("broken_nothing:FAMILY", "", "AttributeError: .*'FAMILY'"),
    "part": ("broken_part:FAMILY", "raise ImportError('initialization failed')", "ImportError: initialization failed"),
    "text": ("not a module!", "", "cannot be loaded as package.module:FAMILY"),
    "module": ("broken_module", "", "is <module 'broken_module' .*, not a Family"),
    "number": ("broken_number:FAMILY", "FAMILY = 3", "is 3, not a Family"),
    "class": ("broken_class:Toy", "from tests.sweep.toy import Toy", "is <class 'tests.sweep.toy.Toy'>, not a Family"),
}


@pytest.fixture
def registered(tmp_path, monkeypatch):
    """Registers kinds of a package that is called broken."""

    def register(entries, **modules):
        found = tmp_path / "broken-1.0.dist-info"
        found.mkdir()
        (found / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
        (found / "entry_points.txt").write_text(f"[binland.families]\n{entries}\n")
        for name, text in modules.items():
            (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)

    return register


@pytest.mark.parametrize("kind", BROKEN)
def test_an_entry_point_that_cannot_be_loaded_is_one_line(registered, kind):
    value, text, reason = BROKEN[kind]
    registered(f"{kind} = {value}", **{f"broken_{kind}": text})
    where = rf"^model.kind = '{kind}': its entry point '{re.escape(value)}' in the package 'broken' .*{reason}"
    with pytest.raises(InvalidInputError, match=f"{where}.*; mend or uninstall the package$") as caught:
        find_family(kind)
    assert len(str(caught.value).splitlines()) == 1


def test_entry_points_that_cannot_be_read_are_one_line(registered):
    registered("no equals sign")
    with pytest.raises(InvalidInputError, match=r"entry points of the installed packages cannot be read \(.*malformed"):
        find_family("unknown")
    assert find_family("committee") is SHALLOW


def test_ctrl_c_while_a_family_is_imported_is_ctrl_c(registered, ctrl_c):
    """Libraries turn a KeyboardInterrupt into an ImportError."""
    text = (
        "import os, signal\ntry:\n os.kill(os.getpid(), signal.SIGINT)\nexcept KeyboardInterrupt:\n raise ImportError"
    )
    registered("slow = broken_slow:FAMILY", broken_slow=f"{text}\nfrom tests.sweep.toy import FAMILY\n")
    with pytest.raises(KeyboardInterrupt):
        find_family("slow")
    assert find_family("slow") is toy.FAMILY


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": {"n_inputs": [9]}}, "unknown key grid.n_inputs = .*allowed: width, disorder_samples, solutions"),
        ({"grid": {"width": [0]}}, "grid.width.0 = 0"),
        ({"measure": {"flips": "count"}}, "unknown key measure.flips"),
        ({"algorithms": {"SGD": {"warmth": 1}}}, "unknown key algorithms.SGD.warmth = 1; .*temperature"),
        ({"algorithms": {"RSGD": {}}}, "algorithms.RSGD: kind = 'RSGD' is not one of SGD, ADV"),
        ({"store": {"latents": False}}, r"plane_points = 5 needs .* store.latents = true \(not false\)"),
        ({"grid": {"solutions": 2}}, r"plane_points = 5 needs .* grid.solutions >= 3 \(not 2\)"),
        ({"measure": {"plane_points": 1}}, "plane_points = 1 needs at least 2 points"),
        ({"measure": {"plane_points": -1}}, "measure.plane_points = -1"),
        ({"grid": {"solutions": 1}}, "midpoints = 2 needs pairs: set grid.solutions >= 2"),
        (
            {"measure": {"midpoint_algorithm": "RSGD"}},
            "midpoint_algorithm = 'RSGD' is not one of the algorithms ADV, SGD",
        ),
        ({"measure": {"midpoints": 10_000}, "grid": {"solutions": 100}}, "make .* tasks; at most"),
        ({"measure": {"plane_points": 9999}}, "measure.plane_points make 99980001 points of a plane; at most"),
    ],
)
def test_a_bad_value_gets_one_line(changes, message):
    with pytest.raises(InvalidInputError, match=message) as caught:
        toy.spec(**changes)
    assert "\n" not in str(caught.value)


def test_bends_need_an_algorithm():
    plain = toy.settings()
    del plain["algorithms"]["SGD"]
    with pytest.raises(InvalidInputError, match="midpoints = 2 needs an algorithm: add one of kind SGD, or name one"):
        check_settings(plain, "toy")
    plain["measure"]["midpoint_algorithm"] = "ADV"
    assert check_settings(plain, "toy").midpoint_algorithm == bl.ADV(epochs=3, pretrain_epochs=2)
    assert toy.spec().measure.midpoint_algorithm == "SGD"
    assert toy.spec().midpoint_algorithm == toy.WarmSGD(epochs=4, temperature=0.5)


# What comes out


def test_results_have_the_familys_dimensions(whole):
    data = bl.load_results(whole)
    assert data["barrier"].dims == ("width", "disorder", "algorithm", "pair", "symmetry", "order")
    assert data["bend_error"].dims == ("width", "disorder", "algorithm", "bend", "symmetry", "leg", "position")
    assert data["plane_error"].dims == (
        "width",
        "disorder",
        "algorithm",
        "plane",
        "symmetry",
        "plane_row",
        "plane_column",
    )
    assert data["n_weights"].dims == ("width",)
    assert data["n_weights"].values.tolist() == [45, 27]
    assert data["width"].attrs == {"long_name": "number of inputs", "units": "1"}
    assert [data[name].values.tolist()[:3] for name in ("bend_start", "bend_end", "bend_midpoint")] == [
        [0, 0, 0],
        [1, 1, 2],
        [0, 1, 0],
    ]
    for kind in ("solution", "pair", "bend", "plane"):
        assert bool((data[f"{kind}_state"] == DONE).all())
    for name in (
        "bend_distance",
        "bend_barrier",
        "bend_error",
        "midpoint_error",
        "plane_error",
        "plane_corner",
        "plane_x",
    ):
        assert bool(data[name].notnull().all()), name
    assert "version_pytest" in data.attrs
    assert data.attrs["code"] == code_stamp("toy 1") != code_stamp()


def test_solutions_come_back(whole):
    found = bl.load_solution(whole, width=9, algorithm="SGD", disorder=1, solution=2)
    assert found.weights.shape == found.latents.shape == (3, 9)
    assert np.array_equal(np.where(found.latents >= 0, 1, -1), found.weights)
    assert found.algorithm == toy.WarmSGD(epochs=4, temperature=0.5)
    assert np.array_equal(found.weights, bl.load_solution(whole, 9, "SGD", 1, 2).weights)
    for wrong in ({"n_inputs": 9}, {"size": 9, "width": 9}, {}):
        with pytest.raises(InvalidInputError, match=r"name one solution: load_solution\(path, width="):
            bl.load_solution(whole, algorithm="SGD", **wrong)
    with pytest.raises(InvalidInputError, match="width=3 is not in the file, which has 15, 9"):
        bl.load_solution(whole, width=3, algorithm="SGD")


def test_bends_and_planes_are_what_their_parts_give_by_hand(whole):
    spec = toy.spec()
    train = draw_problem(spec.canonical(), 9, 1)[1]
    point = bl.load_results(whole).sel(width=9, disorder=1, algorithm="ADV")
    solutions = [bl.load_solution(whole, 9, "ADV", 1, k) for k in range(3)]
    task = BendTask(CELL, 2, 0, 1)
    place = int(
        np.flatnonzero((point["bend_start"] == 2) & (point["bend_end"] == 0) & (point["bend_midpoint"] == 1))[0]
    )
    seeds = {name: stream.seed for name, stream in streams(spec, task).items()}
    for symmetry in ("raw", "aligned"):
        moved = [bl.align(s, to=solutions[0]).solution if symmetry == "aligned" else s for s in solutions]
        plane = toy.FAMILY.plane(spec, [solutions[0], *moved[1:]], train, 5)
        found = point.isel(plane=0).sel(symmetry=symmetry)
        assert np.array_equal(found["plane_error"], plane.errors)
        assert np.array_equal(found["plane_corner"], plane.corners)
        assert np.array_equal(found["plane_x"], plane.x)
        assert np.array_equal(found["plane_y"], plane.y)
        start, end = solutions[2], solutions[0]
        end = bl.align(end, to=start).solution if symmetry == "aligned" else end
        middle = optimized_midpoint(start, end, train, spec.midpoint_algorithm.plain(), seeds[f"{symmetry} midpoint"])
        first = bl.barrier(start, middle, train, 2, seeds[f"{symmetry} first"])
        second = bl.barrier(middle, end, train, 2, seeds[f"{symmetry} second"])
        found = point.isel(bend=place).sel(symmetry=symmetry)
        assert found["bend_distance"].values.tolist() == [bl.hamming(start, middle), bl.hamming(middle, end)]
        assert np.array_equal(found["bend_barrier"], np.maximum(first.samples, second.samples))
        assert float(found["midpoint_error"]) == middle.error(train)
        assert (
            found["bend_error"].sel(leg="first")[-1] == found["bend_error"].sel(leg="second")[0] == middle.error(train)
        )


@pytest.mark.parametrize(
    ("changes", "affected"),
    [
        ({"measure": {"orders": 3}}, {BendTask}),
        ({"measure": {"profile_points": 3}}, {BendTask}),
        ({"measure": {"midpoint_algorithm": "ADV"}}, {BendTask}),
        ({"algorithms": {"SGD": {"epochs": 5}}}, {BendTask}),
        ({"measure": {"plane_points": 6}}, {PlaneTask}),
        ({"measure": {"fractions": [0.2]}}, set()),
        ({"grid": {"width": [9], "solutions": 4}}, set()),
        ({"measure": {"midpoints": 3}}, set()),
        ({"seed": 6}, {BendTask, PlaneTask}),
    ],
)
def test_what_changes_a_number_changes_an_id(changes, affected):
    seed = {"seed": changes["seed"]} if "seed" in changes else {}
    other = check_settings({**toy.settings(**{k: v for k, v in changes.items() if k != "seed"}), **seed}, "toy")
    tasks = (BendTask(CELL, 0, 1, 0), PlaneTask(CELL))
    found = {type(task) for task in tasks if task_identity(other, task).id != task_identity(toy.spec(), task).id}
    assert found == affected


def test_all_ids_are_different():
    ids = [task_identity(toy.spec(), task).id for task in all_tasks(toy.spec())]
    assert len(set(ids)) == len(ids) == 8 * (3 + 6 + 12 + 1)


# What the engine does with it


def test_workers_find_the_family_and_give_the_same_numbers(whole, tmp_path):
    bl.run_sweep(toy.spec(), tmp_path / "out.h5", workers=2)
    assert_same_numbers(whole, tmp_path / "out.h5", toy.spec())


def test_workers_with_other_code_of_the_family_are_refused(monkeypatch):
    mine = code_stamp("toy 1")
    assert workers.run_batch(mine, toy.spec().canonical(), []) == []
    monkeypatch.setattr(toy.Toy, "stamp", lambda self: "toy 2")
    with pytest.raises(ClusterError, match="runs other code"):
        workers.run_batch(mine, toy.spec().canonical(), [])


class Stop(Exception):
    """Interrupts a run."""


def test_an_interrupted_sweep_goes_on_and_repeats_nothing(whole, tmp_path, monkeypatch):
    path, executed = tmp_path / "parts.h5", []
    execute = workers.execute
    monkeypatch.setattr(workers, "execute", lambda text, job: executed.append(job.task) or execute(text, job))

    def stop(progress):
        if progress.finished == 50:
            raise Stop

    for _ in range(3):  # solutions are then read from the file, padded to the largest machine
        with pytest.raises(Stop):
            bl.run_sweep(toy.spec(), path, report=stop)
    bl.run_sweep(toy.spec(), path)
    assert len(executed) == len(set(executed)) == len(all_tasks(toy.spec()))
    assert_same_numbers(whole, path, toy.spec())


def test_a_failed_midpoint_is_recorded_and_the_sweep_goes_on(whole, tmp_path, monkeypatch):
    def failing(*_):
        raise ArithmeticError("planted")

    with monkeypatch.context() as patch:
        patch.setattr(toy.Toy, "midpoint", failing)
        store = bl.run_sweep(toy.spec(), tmp_path / "out.h5")
    counts = count_states(store.states())
    assert (counts["failed"], counts["done"], counts["left"], counts["blocked"]) == (96, 80, 0, 0)
    assert {type(task) for task in store.failures()} == {BendTask}
    bl.run_sweep(toy.spec(), tmp_path / "out.h5", retry_failed=True)
    assert_same_numbers(whole, tmp_path / "out.h5", toy.spec())


def test_a_larger_grid_is_added(whole, tmp_path):
    path = tmp_path / "out.h5"
    path.write_bytes(whole.read_bytes())
    larger = toy.spec(grid={"width": [9, 21, 15], "solutions": 4}, algorithms={"first": {"kind": "SGD", "epochs": 1}})
    with pytest.raises(StoreError, match=r"remove grid.width = \[15\]"):
        bl.run_sweep(toy.spec(grid={"width": [9]}), path, extend=True)
    bl.run_sweep(larger, path, extend=True)
    bl.run_sweep(larger, tmp_path / "anew.h5")
    assert_same_numbers(tmp_path / "anew.h5", path, larger)


def test_another_sgd_in_front_does_not_change_bends_unnoticed(whole, tmp_path):
    path = tmp_path / "out.h5"
    path.write_bytes(whole.read_bytes())
    plain = toy.settings()
    plain["algorithms"] = {"first": {"kind": "SGD", "epochs": 1}, **plain["algorithms"]}
    with pytest.raises(StoreError, match=r"change measure\.midpoint_algorithm: 'SGD' -> 'first'"):
        bl.run_sweep(check_settings(plain, "toy"), path, extend=True)


def test_parts_are_merged(whole, tmp_path):
    paths = [tmp_path / f"{k}.h5" for k in (1, 2)]
    for k, path in enumerate(paths, 1):
        bl.run_sweep(toy.spec(), path, part=(k, 2))
    merge(paths, tmp_path / "all.h5")
    assert_same_numbers(whole, tmp_path / "all.h5", toy.spec())
    with changed(paths[0]) as file:
        place = tuple(np.argwhere(file["plane_state"][...] == DONE)[0])
        file["plane_error"][place] += 1
    with pytest.raises(StoreError, match=r"disagree on plane of width = .*: plane_error differs"):
        merge([whole, paths[0]], tmp_path / "none.h5")


def test_files_of_two_families_are_not_merged(whole, finished, tmp_path):
    with pytest.raises(StoreError, match=r"is not of the same sweep as .*: model.kind is toy and committee"):
        merge([finished, whole], tmp_path / "all.h5")


def test_a_file_with_other_ids_is_refused(whole, tmp_path):
    path = tmp_path / "out.h5"
    path.write_bytes(whole.read_bytes())
    with changed(path) as file:
        file["bend_id"][...] = "0" * 64
    with pytest.raises(StoreError, match="draws other random numbers for bend 0 of pair 0 -> 1 of width = 15"):
        bl.run_sweep(toy.spec(), path)


def test_every_measurement_is_exported(whole, tmp_path):
    export_csv(whole, tmp_path / "all.csv")
    table, data = pd.read_csv(tmp_path / "all.csv"), bl.load_results(whole)
    for name in ("bend_barrier", "bend_error", "bend_distance", "midpoint_error", "plane_error", "plane_corner"):
        assert sorted(table["value"][table["quantity"] == name]) == sorted(data[name].values.ravel()), name
    row = table[
        (table["quantity"] == "bend_distance") & (table["width"] == 9) & (table["disorder"] == 0)
        & (table["start"] == 1) & (table["end"] == 2) & (table["midpoint"] == 1)
        & (table["algorithm"] == "SGD") & (table["leg"] == "second")
        & (table["symmetry"] == "raw")
    ]  # fmt: skip
    bend = int(np.flatnonzero((data["bend_start"] == 1) & (data["bend_end"] == 2) & (data["bend_midpoint"] == 1))[0])
    where = {"width": 9, "disorder": 0, "algorithm": "SGD", "bend": bend, "leg": "second", "symmetry": "raw"}
    assert row["value"].item() == float(data["bend_distance"].sel(where))
    assert row["n_weights"].item() == 27


def test_an_estimate_knows_all_kinds(tmp_path):
    costly = toy.spec(
        data={"n_patterns": 1000},
        grid={"width": [101, 301], "disorder_samples": 1},
        algorithms={"SGD": {"epochs": 200}},
        measure={"plane_points": 21, "profile_points": 51},
    )
    expected = estimate(costly)
    assert {kind for kind, _, _ in expected.seconds} == {"solution", "pair", "bend", "plane"}
    store = bl.run_sweep(costly, tmp_path / "out.h5")
    seconds = store.seconds()
    for kind in ("bend", "plane"):
        tasks = [task for task in seconds if task.kind == kind]
        taken = sum(seconds[task] for task in tasks)
        assert taken / 4 < expected.work(tasks) < 4 * taken, kind
    assert expected.bytes == pytest.approx((tmp_path / "out.h5").stat().st_size, rel=0.3)


def test_every_figure_is_drawn(whole, tmp_path):
    written = plot_results(whole, tmp_path)
    stems = ["whole", *(f"whole_{name}_width_{size}" for name in ("paths", "plane") for size in (9, 15))]
    assert [path.name for path in written] == [f"{stem}.{ending}" for stem in stems for ending in ("png", "pdf")]
    assert all(path.stat().st_size > 5000 for path in written)


def test_an_unfinished_sweep_of_one_size_is_drawn(tmp_path):
    path, seen = tmp_path / "out.h5", []
    one = toy.spec(grid={"width": [9], "disorder_samples": 1})

    def look(progress):
        if progress.finished in (1, 4, 10, 22, 30, 43):
            seen.append(len(plot_results(path, tmp_path)))

    bl.run_sweep(one, path, report=look)
    assert seen == [2, 4, 4, 6, 6, 6]


def test_the_command_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "toy.toml").write_text(toy.TEXT)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["binland", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return caught.value.code, *capsys.readouterr()

    code, stdout, _ = run("sweep", "toy.toml", "--dry-run")
    assert code == 0
    assert [line.split()[:2] for line in stdout.splitlines()[:2]] == [["kind", "L"], ["solution", "9"]]
    assert "176 of 176 tasks to do" in stdout
    code, stdout, _ = run("sweep", "toy.toml", "--out", "toy.h5", "--workers", "1")
    assert (code, "176 of 176 tasks done, 0 failed" in stdout) == (0, True)
    assert "176 done, 0 running, 0 failed, 0 left, of 176 tasks" in run("status", "toy.h5")[1]
    assert run("plot", "toy.h5")[1].count(".png") == 5
    assert run("export", "toy.h5", "--csv", "toy.csv")[0] == 0
    (tmp_path / "lost.toml").write_text(toy.TEXT.replace('kind = "toy"', 'kind = "lost"'))
    code, _, stderr = run("sweep", "lost.toml", "--out", "x.h5")
    assert (code, stderr.count("\n")) == (2, 1)
    assert stderr.startswith("error: lost.toml: model.kind = 'lost' needs a_package_that_is_not_there")


# Sweeps without bends and planes


def test_files_without_bends_and_planes_have_nothing_of_them(finished):
    names = [*bl.load_results(finished).variables]
    assert not [name for name in names if "bend" in name or "plane" in name or name in ("leg", "corner", "component")]


def test_shallow_machines_have_no_planes():
    with pytest.raises(InvalidInputError, match=r"measure\.plane_points = 5: planes are drawn for deep networks only"):
        small.spec(measure={"plane_points": 5}, grid={"solutions": 3}, store={"latents": True})
