import numpy as np
import pandas as pd
import pytest

import binland as bl
from binland.errors import InvalidInputError, StoreError
from binland.sweep.export import export_csv


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
