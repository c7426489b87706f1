"""Results as tidy CSV: one row per measurement."""

import os
from pathlib import Path

from binland.checks import checked_path
from binland.errors import StoreError
from binland.sweep.load import load_results
from binland.sweep.spec import SweepSpec
from binland.sweep.store.layout import LARGE, VARIABLES
from binland.sweep.store.store import Store
from binland.sweep.store.writer import move_to_new, new_version, reason

INSIDE = ("symmetry", "fraction", "realization", "order", "position", "epoch", "replica")
RENAMED = {"bend_start": "start", "bend_end": "end", "bend_midpoint": "midpoint"}
BEND, PLANE = ("midpoint", "leg"), ("plane_row", "plane_column", "corner", "component")


def export_csv(path: str | Path, out: str | Path) -> int:
    """Write every measurement of a result file to a new CSV file; returns the number of rows.

    Columns: quantity, then where it was measured (N, N / D, or another size and number of parameters; disorder,
    algorithm; solution, or start and end of a pair), then symmetry, fraction, realization, order, position, epoch,
    replica, for bends midpoint and leg, for planes row, column, corner, component (empty where they do not apply), and
    value (fractions, with all digits).
    Raises StoreError if the file cannot be read or `out` exists or cannot be written.
    """
    out, spec = checked_path("out", out), Store.open(path).spec
    data, axis = load_results(path), spec.family.axis
    if os.path.exists(out):
        raise StoreError(f"{out}: is there already; choose another --csv")
    rows, columns = 0, _columns(spec)
    try:
        with new_version(out) as part:
            with part.open("w", encoding="utf-8", newline="") as file:
                file.write(",".join(columns) + "\n")
                for name in (n for variables in VARIABLES.values() for n in variables if n not in LARGE and n in data):
                    for size in data[axis].values:  # one at a time: long tables need memory
                        table = data[name].sel({axis: [size]}).to_dataframe().dropna(subset=[name]).reset_index()
                        table = table.rename(columns={name: "value", **RENAMED}).assign(quantity=name)
                        table.reindex(columns=columns).to_csv(file, header=False, index=False)
                        rows += len(table)
            move_to_new(part, out)
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise StoreError(f"{out}: cannot be written ({why}); choose another --csv") from None
    return rows


def _columns(spec: SweepSpec) -> list[str]:
    family, measure = spec.family, spec.measure
    where = (family.axis, *family.exported, "disorder", "algorithm", "solution", "start", "end")
    more = (*(BEND if measure.midpoints else ()), *(PLANE if measure.plane_points else ()))
    return ["quantity", *where, *INSIDE, *more, "value"]
