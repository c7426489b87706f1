"""Results as tidy CSV: one row per measurement."""

from pathlib import Path

from binland.errors import StoreError
from binland.sweep.load import load_results
from binland.sweep.store.layout import LARGE, VARIABLES
from binland.sweep.store.writer import move_to_new, new_version, reason

WHERE = ("n_inputs", "overparameterization", "disorder", "algorithm", "solution", "start", "end")
INSIDE = ("symmetry", "fraction", "realization", "order", "position", "epoch", "replica")


def export_csv(path: str | Path, out: str | Path) -> int:
    """Write every measurement of a result file to a new CSV file; returns the number of rows.

    Columns: quantity, then where it was measured (N, N / D, disorder, algorithm; solution, or start and end of a
    pair), then symmetry, fraction, realization, order, position, epoch, replica (empty where they do not apply), value
    (fractions, with all digits). Raises StoreError if the file cannot be read or `out` exists or cannot be written.
    """
    out = Path(out)
    data = load_results(path)
    if out.exists():
        raise StoreError(f"{out}: is there already; choose another --csv")
    rows, columns = 0, ["quantity", *WHERE, *INSIDE, "value"]
    try:
        with new_version(out) as part:
            with part.open("w", encoding="utf-8", newline="") as file:
                file.write(",".join(columns) + "\n")
                for name in (n for variables in VARIABLES.values() for n in variables if n not in LARGE and n in data):
                    for n in data["n_inputs"].values:  # one N at a time: long tables need memory
                        table = data[name].sel(n_inputs=[n]).to_dataframe().dropna(subset=[name]).reset_index()
                        table = table.rename(columns={name: "value"}).assign(quantity=name)
                        table.reindex(columns=columns).to_csv(file, header=False, index=False)
                        rows += len(table)
            move_to_new(part, out)
    except OSError as error:
        raise StoreError(f"{out}: cannot be written ({reason(error)}); choose another --csv") from None
    return rows
