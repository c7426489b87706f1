import numpy as np
import pandas as pd
import pytest

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.sweep.config import check_settings
from binland.sweep.export import export_csv
from tests.sweep.small import settings, spec


def test_every_measurement_is_a_row(finished, tmp_path):
    rows = export_csv(finished, tmp_path / "all.csv")
    table = pd.read_csv(tmp_path / "all.csv")
    data = bl.load_results(finished)
    assert len(table) == rows
    for name in ("train_error", "local_energy", "history", "replica_error", "barrier", "distance", "path_error"):
        values = data[name].values
        found = table[table["quantity"] == name]
        assert len(found) == np.isfinite(values).sum(), name
        assert sorted(found["value"]) == sorted(values[np.isfinite(values)]), name
    row = table[
        (table["quantity"] == "barrier") & (table["n_inputs"] == 31) & (table["disorder"] == 1)
        & (table["algorithm"] == "RSGD") & (table["start"] == 1) & (table["end"] == 0)
        & (table["symmetry"] == "aligned") & (table["order"] == 1)
    ]  # fmt: skip
    where = {"n_inputs": 31, "disorder": 1, "algorithm": "RSGD", "pair": 1, "symmetry": "aligned", "order": 1}
    assert row["value"].item() == float(data["barrier"].sel(where))
    assert row["overparameterization"].item() == 31 / 11
    assert row["fraction"].isna().all()


def test_two_axes_are_two_columns(tmp_path):
    """In the order of the configuration, with what can be plotted against, whatever it changes with."""
    tables = settings(grid={"n_inputs": [31, 21], "data.alpha": [1.5, 0.5], "disorder_samples": 1})
    del tables["data"]["n_patterns"]
    small = check_settings(tables, "x")
    bl.run_sweep(small, tmp_path / "x.h5")
    export_csv(tmp_path / "x.h5", tmp_path / "x.csv")
    table, data = pd.read_csv(tmp_path / "x.csv"), bl.load_results(tmp_path / "x.h5")
    first = ["quantity", "n_inputs", "alpha", "n_weights", "overparameterization", "constraint_density", "disorder"]
    assert list(table.columns)[:7] == first
    assert list(table.columns).count("alpha") == 1
    for name in ("train_error", "local_energy", "history", "barrier", "path_error"):
        assert (table["quantity"] == name).sum() == np.isfinite(data[name]).sum(), name
    rows = table[(table["quantity"] == "train_error") & (table["n_inputs"] == 31) & (table["alpha"] == 0.5)]
    assert set(rows["n_weights"]) == {31 * 5}
    assert set(rows["constraint_density"]) == {16 / 31}
    row = rows[(rows["algorithm"] == "RSGD") & (rows["solution"] == 1)]
    where = {"n_inputs": 31, "alpha": 0.5, "disorder": 0, "algorithm": "RSGD", "solution": 1}
    assert row["value"].item() == float(data["train_error"].sel(where))


def test_nothing_swept_is_no_column(tmp_path):
    small = spec(grid={"n_inputs": "5 * model.n_hidden", "disorder_samples": 1}, measure={"pair": False})
    bl.run_sweep(small, tmp_path / "x.h5")
    rows = export_csv(tmp_path / "x.h5", tmp_path / "x.csv")
    table = pd.read_csv(tmp_path / "x.csv")
    assert len(table) == rows > 0
    assert list(table.columns)[:3] == ["quantity", "n_weights", "overparameterization"]
    assert set(table["n_weights"]) == {125}
    assert "start" not in table.columns


def test_pairs_of_two_algorithms_name_both(tmp_path):
    small = spec(grid={"n_inputs": [21], "disorder_samples": 1}, measure={"pair": {"pairs": "all"}, "midpoints": 1})
    bl.run_sweep(small, tmp_path / "x.h5")
    export_csv(tmp_path / "x.h5", tmp_path / "x.csv")
    table, data = pd.read_csv(tmp_path / "x.csv"), bl.load_results(tmp_path / "x.h5")
    rows = table[table["quantity"] == "across_distance"]
    assert len(rows) == 2 * 4 * 2
    row = rows[
        (rows["algorithm"] == "RSGD") & (rows["to_algorithm"] == "SGD") & (rows["start"] == 1) & (rows["end"] == 0)
        & (rows["symmetry"] == "raw")
    ]  # fmt: skip
    start, end = (bl.load_solution(tmp_path / "x.h5", 21, label, 0, k) for label, k in (("RSGD", 1), ("SGD", 0)))
    assert row["value"].item() == bl.hamming(start, end)
    assert rows["order"].isna().all()
    within = table[table["quantity"] == "distance"]
    assert within["to_algorithm"].isna().all()
    assert sorted(within["value"]) == sorted(data["distance"].values.ravel())
    bends = table[table["quantity"] == "midpoint_error"]
    assert set(bends["midpoint"]) == {0}
    assert set(zip(bends["start"], bends["end"], strict=True)) == {(0, 1), (1, 0)}


def test_an_export_replaces_nothing(finished, tmp_path):
    (tmp_path / "mine.csv").write_text("mine")
    with pytest.raises(StoreError, match="is there already; choose another --csv"):
        export_csv(finished, tmp_path / "mine.csv")
    with pytest.raises(StoreError, match="cannot be written"):
        export_csv(finished, tmp_path / "none" / "x.csv")
    assert (tmp_path / "mine.csv").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


@pytest.mark.parametrize("out", [3, None, b"x.csv", [], "a\0b", "x" * 10**6, "x" * 300])
def test_an_impossible_name_is_one_line(finished, tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((InvalidInputError, StoreError)) as caught:
        export_csv(finished, out)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 2000
    assert list(tmp_path.iterdir()) == []
