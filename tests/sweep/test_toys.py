"""Problems, families, algorithms and measures of one file each, outside the package, through every command."""

import csv
import json
import os
import random
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

import binland as bl
from binland import cli
from binland.errors import InvalidInputError, StoreError
from binland.plots import plot_results
from binland.sweep import plugins, registry
from binland.sweep.config import load_spec
from binland.sweep.store.merge import merge
from binland.sweep.store.store import Store
from tests.toys.annealed import ANNEALED
from tests.toys.clusters import CLUSTERS
from tests.toys.metropolis import Metropolis
from tests.toys.sphere import SPHERE, Perceptrons

ROOT = Path(__file__).parents[2]
TOYS = ROOT / "tests" / "toys"
BINARY = """
title = "toys"
plugins = ["annealed", "metropolis", "clusters"]
[data]
kind = "clusters"
n_patterns = 20
[model]
kind = "committee"
n_hidden = 3
[grid]
n_inputs = [11, 15]
disorder_samples = 2
solutions = 2
[algorithms.Metropolis]
sweeps = 2
[algorithms.SGD]
epochs = 3
[measure.annealed]
candidates = 2
pairs = "all"
"""
REAL = """
title = "sphere"
plugins = ["sphere", "clusters"]
[data]
n_inputs = 9
n_patterns = 20
[model]
kind = "sphere"
[grid]
"model.n_units" = [1, 3]
"data.noise" = [0.0, 0.1, 0.2]
disorder_samples = 2
solutions = 2
"""
ALL = {"binary": (BINARY, ("annealed", "metropolis", "clusters")), "real": (REAL, ("sphere", "clusters"))}


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    """What a test declares is gone when it ends."""
    monkeypatch.setattr(registry, "_own", registry.Declared())
    monkeypatch.setattr(registry, "_by_hand", [])
    monkeypatch.setattr(registry, "_changes", [*registry._changes, None])
    monkeypatch.setattr(plugins, "_imported", {})


@pytest.fixture(params=ALL)
def folder(request, tmp_path):
    """A user's folder: a configuration, with the plug-ins that it names beside it."""
    text, names = ALL[request.param]
    (tmp_path / "toy.toml").write_text(text)
    for name in names:
        (tmp_path / f"{name}.py").write_text((TOYS / f"{name}.py").read_text())
    return tmp_path


def command(folder, *arguments, **options):
    """A command line in a process of its own, in another folder than the user's."""
    line = [sys.executable, "-m", "binland", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, check=False, **options)


@pytest.mark.slow
def test_plugins_of_a_folder_go_through_every_command(folder):
    config, out = folder / "toy.toml", folder / "out.h5"
    dry = command(folder, "sweep", config, "--dry-run")
    assert (dry.returncode, dry.stderr) == (0, "")
    assert "tasks to do" in dry.stdout
    done = command(folder, "sweep", config, "--out", out, "--workers", 2)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "0 failed" in done.stdout
    # Whoever reads the file needs no plug-in.
    assert command(folder, "status", out).stdout.count("0 left") == 1
    exported = command(folder, "export", out, "--csv", folder / "out.csv")
    assert exported.returncode == 0, exported.stderr
    with (folder / "out.csv").open() as file:
        quantities = {row["quantity"] for row in csv.DictReader(file)}
    plotted = command(folder, "plot", out, "--out", folder / "figures")
    assert plotted.returncode == 0
    if "annealed" in config.read_text():
        assert {"annealed_barrier", "across_annealed_barrier", "barrier", "train_error"} <= quantities
        assert "no figure of annealed" in plotted.stderr
        again = subprocess.run(
            [sys.executable, "-m", "binland", "plot", "out.h5", "--plugin", "annealed", "--out", "figures"],
            capture_output=True, text=True, cwd=folder, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert (again.returncode, again.stderr) == (0, "")
    else:
        results = bl.load_results(out)
        assert results["distance"].dims == ("n_units", "noise", "disorder", "algorithm", "pair", "symmetry")
        assert list(results["symmetry"].values) == ["raw", "normalised", "aligned"]
        raw, normalised, aligned = (results["distance"].sel(symmetry=state) for state in results["symmetry"])
        assert np.allclose(raw, normalised)
        assert (aligned <= normalised + 1e-12).all()
        assert np.allclose(results["load"], 5 / 9)


@pytest.mark.slow
def test_the_numbers_of_toys_do_not_depend_on_workers_parts_or_kills(folder):
    config = folder / "toy.toml"
    whole = bl.run_sweep(config, folder / "whole.h5", report=lambda _: None).path
    spec = load_spec(config)
    parts = [bl.run_sweep(config, folder / f"{k}.h5", part=(k, 2), report=lambda _: None).path for k in (1, 2)]
    merged = merge(parts, folder / "merged.h5").path
    assert_same(whole, merged)
    killed, rng = folder / "killed.h5", random.Random(1)
    line = [sys.executable, "-m", "binland", "sweep", str(config), "--out", str(killed), "--workers", "1"]
    for _ in range(2):
        process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.5, 3))
        process.kill()
        process.wait()
    bl.run_sweep(spec, killed, report=lambda _: None)
    assert_same(whole, killed)


def assert_same(one, two):
    """Two files hold the same numbers, times and provenance apart."""
    a, b = (bl.load_results(path) for path in (one, two))
    drop = [name for name in a if name.endswith("_seconds")]
    assert a.drop_vars(drop).drop_attrs().identical(b.drop_vars(drop).drop_attrs())
    assert all(state == 1 for state in Store.open(two).states().values())


@pytest.mark.slow
def test_what_is_registered_in_a_script_runs_on_local_workers(tmp_path):
    """The classes are made in the script itself, so that no worker can import them."""
    script = tmp_path / "notebook.py"
    body = "\n".join((TOYS / f"{name}.py").read_text() for name in ("clusters", "annealed"))
    script.write_text(
        f"{body}\n"
        "if __name__ == '__main__':\n"
        "    bl.register(CLUSTERS, ANNEALED)\n"
        "    config = {'data': {'kind': 'clusters'}, 'model': {'kind': 'committee', 'n_hidden': 3},\n"
        "              'grid': {'n_inputs': [11], 'solutions': 2}, 'algorithms': {'SGD': {'epochs': 2}},\n"
        "              'measure': {'annealed': True}}\n"
        "    for workers in (1, 2):\n"
        "        print(bl.run_sweep(config, f'{workers}.h5', workers=workers, report=lambda _: None))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, script.name], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert_same(tmp_path / "1.h5", tmp_path / "2.h5")


@pytest.mark.slow
def test_measures_are_added_to_a_finished_file_without_training(tmp_path, monkeypatch):
    """A plane and an annealed path for a finished sweep of Fig. 6; everything else stays as it is."""
    bl.register(ANNEALED)
    tables = tomllib.loads((ROOT / "experiments" / "fig6_committee.toml").read_text())
    del tables["smoke"]
    tables["grid"]["n_inputs"] = [21, 31]
    tables["data"] |= {"latent_dim": 11, "n_patterns": 33}
    tables["model"]["n_hidden"] = 3
    tables |= {"store": {"latents": True}, "algorithms": {"SGD": {"epochs": 5}, "RSGD": {"epochs": 5}}}
    out = tmp_path / "out.h5"
    bl.run_sweep(tables, out, report=lambda _: None)
    before = bl.load_results(out)
    trained = []
    monkeypatch.setattr(type(Store.open(out).spec.family), "fit", lambda *_: trained.append(1))
    more = tables | {"measure": {**tables["measure"], "plane": {"points": 5}, "annealed": {"candidates": 2}}}
    with pytest.raises(StoreError, match=r"add --extend"):
        bl.run_sweep(more, out, report=lambda _: None)
    bl.run_sweep(more, out, extend=True, report=lambda _: None)
    assert trained == []
    after = bl.load_results(out)
    for name in before.variables:
        assert before[name].identical(after[name]), name
    assert {"plane_error", "annealed_barrier"} <= {*after} - {*before}
    assert not after["plane_error"].isnull().any()
    assert not after["annealed_error"].isnull().any()
    assert {p.name for p in plot_results(out, tmp_path)} >= {"out.png", "out_plane_n_inputs_21.png"}


@pytest.mark.parametrize(
    ("things", "message"),
    [
        ([3], r"^3 is no Problem, Family, Measure or Overlay and no class of Algorithm; give one of these$"),
        ([Metropolis()], r"^Metropolis\(.*is no Problem"),
        ([type("SGD", (Metropolis,), {})], r"binland has an algorithm of that name; choose another name$"),
        ([type("Odd", (type(ANNEALED),), {"name": "a b"})()], r"^Odd: 'a b' is not a name"),
        ([type("Odd", (type(ANNEALED),), {"name": "solution"})()], r"^Odd: 'solution' is the name of other tasks"),
        ([type("Odd", (type(ANNEALED),), {"of": 0})()], r"^Odd: of = 0 is not a number of solutions, 1 or more$"),
        ([type("Odd", (type(ANNEALED),), {"Settings": int})()], r"^Odd: Settings = .*is not derived from Section$"),
        ([type("Odd", (type(ANNEALED),), {"name": "pair"})()], r"binland has a measure of that name"),
    ],
)  # fmt: skip
def test_what_is_no_declaration_is_refused(things, message):
    with pytest.raises(InvalidInputError, match=message):
        bl.register(*things)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_library", r"cannot be imported \(ModuleNotFoundError: No module named 'no_such_library'\)"),
        ("1 / 0", r"cannot be imported \(ZeroDivisionError: division by zero\)"),
        ("raise SystemExit(3)", r"cannot be imported \(SystemExit: 3\)"),
        ("x = 1", r"declares no problem, family, measure or algorithm at its top level"),
        ("def broken(:", r"cannot be imported \(SyntaxError: "),
    ],
)
def test_a_plugin_that_cannot_be_used_is_reported_with_its_own_error(tmp_path, text, message, capsys, monkeypatch):
    (tmp_path / "mine.py").write_text(text)
    (tmp_path / "toy.toml").write_text(BINARY.replace('"annealed", "metropolis", "clusters"', '"mine"'))
    monkeypatch.setattr(sys, "argv", ["binland", "sweep", str(tmp_path / "toy.toml"), "--out", str(tmp_path / "x.h5")])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert re.search(r"toy\.toml: plugins: 'mine' " + message, error), error


def test_a_changed_plugin_is_not_taken_for_the_same(folder):
    spec = load_spec(folder / "toy.toml")
    name = spec.plugins[0].name
    (folder / f"{name}.py").write_text((folder / f"{name}.py").read_text() + "\n# another day\n")
    plugins._imported.clear()
    with pytest.raises(InvalidInputError, match="has changed since the sweep began"):
        plugins.use(spec.plugins[0])


def test_a_measure_that_a_family_has_no_verbs_for_is_refused():
    bl.register(SPHERE, CLUSTERS, ANNEALED)
    tables = {"model": {"kind": "sphere"}, "grid": {"n_inputs": [9], "solutions": 3}}
    for name, verb in (("plane", "plane"), ("bend", "midpoint"), ("local_energy", "local_energy")):
        with pytest.raises(
            InvalidInputError, match=rf"^config: measure.{name} is not for .*'sphere', which has no {verb}"
        ):
            bl.run_sweep(tables | {"measure": {name: {}}}, "never.h5")


def test_a_measure_that_returns_something_else_is_a_failure_with_its_name(tmp_path):
    class Wrong(type(ANNEALED)):
        name = "wrong"

        def variables(self, settings):
            return {f"wrong_{key}": of for key, of in super().variables(settings).items()}

        def run(self, settings, case):
            return {"wrong_annealed_barrier": np.zeros((2, 2)), "wrong_annealed_error": np.zeros((2, 5))}

    bl.register(Wrong(), CLUSTERS)
    tables = {
        "data": {"kind": "clusters"},
        "model": {"kind": "committee", "n_hidden": 3},
        "grid": {"n_inputs": [9], "solutions": 2},
        "algorithms": {"SGD": {"epochs": 1}},
        "measure": {"wrong": {}},
    }
    store = bl.run_sweep(tables, tmp_path / "x.h5", report=lambda _: None)
    failures = store.failures()
    assert len(failures) == 2
    assert all("measure.wrong: wrong_annealed_barrier is" in text for text in failures.values())


def test_an_algorithm_of_ones_own_is_trained_as_itself():
    machine, patterns = bl.CommitteeMachine(11, 3), bl.Patterns.random(20, 11, 0)
    solution = bl.fit(machine, patterns, Metropolis(sweeps=4), seed=0)
    assert solution.algorithm == Metropolis(sweeps=4)
    assert solution.latents is None
    assert len(solution.history) == 4

    class Mine(bl.SGD):
        """Says nothing about how it trains."""

    with pytest.raises(InvalidInputError, match="Mine"):
        bl.fit(machine, patterns, Mine(), seed=0)
    assert Perceptrons.families == ("sphere",)


def test_plugins_are_no_part_of_what_a_sweep_is(folder):
    spec = load_spec(folder / "toy.toml")
    assert "plugins" not in json.loads(spec.canonical())
    assert json.loads(spec.text())["plugins"]


def test_parts_of_a_plugin_sweep_are_merged_on_the_command_line(tmp_path):
    """Also from another folder; without the plug-in the line says which one is needed."""
    (tmp_path / "toy.toml").write_text(BINARY)
    for name in ALL["binary"][1]:
        (tmp_path / f"{name}.py").write_text((TOYS / f"{name}.py").read_text())
    parts = [tmp_path / f"{k}.h5" for k in (1, 2)]
    for k, part in enumerate(parts, 1):
        bl.run_sweep(tmp_path / "toy.toml", part, part=(k, 2), report=lambda _: None)
    refused = command(tmp_path, "merge", *parts, "--out", tmp_path / "all.h5")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "made with plug-ins: --plugin annealed --plugin metropolis --plugin clusters" in refused.stderr
    options = [word for name in ALL["binary"][1] for word in ("--plugin", name)]
    line = [sys.executable, "-m", "binland", "merge", *map(str, parts), "--out", "all.h5", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(state == 1 for state in Store.open(tmp_path / "all.h5").states().values())


def test_a_plugin_whose_numbers_change_is_noticed(tmp_path):
    """A comment is nothing; another rule is a warning, since new numbers would stand beside old ones."""
    (tmp_path / "toy.toml").write_text(BINARY)
    for name in ALL["binary"][1]:
        (tmp_path / f"{name}.py").write_text((TOYS / f"{name}.py").read_text())
    out = tmp_path / "out.h5"
    bl.run_sweep(tmp_path / "toy.toml", out, report=lambda _: None)
    text = (tmp_path / "annealed.py").read_text()
    (tmp_path / "annealed.py").write_text(f"{text}\n# the same\n")
    bl.run_sweep(tmp_path / "toy.toml", out, report=lambda _: None)
    (tmp_path / "annealed.py").write_text(text.replace("argmin", "argmax"))
    with pytest.warns(UserWarning, match="the code of the plug-in annealed has changed since"):
        bl.run_sweep(tmp_path / "toy.toml", out, report=lambda _: None)
