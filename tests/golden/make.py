"""Makes the golden file of the current schema, once: `python -m tests.golden.make`."""

from pathlib import Path

import binland as bl
from binland.sweep.store.layout import SCHEMA
from tests.sweep.small import spec

SMALL = {
    "grid": {"n_inputs": [11, 21], "disorder_samples": 1},
    "algorithms": {"SGD": {"epochs": 2}, "RSGD": {"epochs": 2, "replicas": 2}},
    "measure": {"fractions": [0.1], "realizations": 2, "orders": 2},
}

if __name__ == "__main__":
    path = Path(__file__).with_name(f"{SCHEMA}.h5")
    if path.exists():
        raise SystemExit(f"{path} is there already; a released schema does not change")
    bl.run_sweep(spec(**SMALL), path)
    path.with_name(f"{path.name}.lock").unlink()
