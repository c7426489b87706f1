"""Results as tidy CSV: one row per measurement."""

import os
from pathlib import Path

from binland.checks import checked_path
from binland.disk import move_to_new, new_version
from binland.errors import StoreError
from binland.sweep.load import load_results
from binland.sweep.store.layout import Kind, Layout
from binland.sweep.store.store import Store
from binland.sweep.store.writer import reason


def export_csv(path: str | Path, out: str | Path) -> int:
    """Write every measurement of a file of results to a new CSV file; returns the number of rows.

    Columns: quantity; where it was measured (what is swept, N / D and other coordinates, disorder, algorithm, solution
    or start and end of a pair, number of the midpoint); inner dimensions of all quantities such as symmetry, fraction
    or order, empty where they do not apply; value, with all digits. Raises StoreError if the file cannot be read or
    `out` exists or cannot be written.
    """
    out, layout = checked_path("out", out), Store.open(path).layout
    data = load_results(path)
    if os.path.exists(out):
        raise StoreError(f"{out}: is there already; choose another --csv")
    rows, columns = 0, _columns(layout)
    slabs = [{axis.name: [value]} for axis in layout.axes[:1] for value in data[axis.name].values] or [{}]
    try:
        with new_version(out) as part:
            with part.open("w", encoding="utf-8", newline="") as file:
                file.write(",".join(columns) + "\n")
                for kind in layout.kinds.values():
                    for name in (name for name in kind.variables if name in data):
                        for where in slabs:  # one value at a time: long tables need memory
                            table = data[name].sel(where).to_dataframe().dropna(subset=[name]).reset_index()
                            table = table.rename(columns={name: "value", **_renamed(layout, kind)}).assign(
                                quantity=name
                            )
                            table.reindex(columns=columns).to_csv(file, header=False, index=False)
                            rows += len(table)
            move_to_new(part, out)
    except (OSError, ValueError) as error:
        why = reason(error) if isinstance(error, OSError) else error
        raise StoreError(f"{out}: cannot be written ({why}); choose another --csv") from None
    return rows


def _renamed(layout: Layout, kind: Kind) -> dict[str, str]:
    """Coordinates of a kind of task under names that are the same for all kinds."""
    return {name: name.removeprefix(f"{kind.dim}_") for name in layout.along(kind)}


def _columns(layout: Layout) -> list[str]:
    axes = [axis.name for axis in layout.axes]
    along = [new for kind in layout.kinds.values() for new in _renamed(layout, kind).values()]
    inner = [
        dim for kind in layout.kinds.values() for of in kind.variables.values() if not of.large for dim in of.inner
    ]
    where = [*axes, *layout.extras, "disorder", "algorithm", "solution", *along]
    return list(dict.fromkeys(["quantity", *where, *inner, "value"]))
