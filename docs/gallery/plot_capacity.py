"""
Up to how many patterns does training succeed?
==============================================

Share of random-label problems that each algorithm solves without an error, against P / N. Solutions exist up to 0.833
(solid line); the algorithms stop before.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import binland as bl

sweep = {
    "model": {"kind": "perceptron"},
    "data": {"kind": "random-labels"},
    "grid": {
        "n_inputs": [201],
        "data.alpha": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8],
        "disorder_samples": 12,
        "solutions": 1,
    },
    "algorithms": {"SGD": {"stop_at_zero_error": True}, "FBP": {}, "RBP": {}},
    "measure": {"local_energy": False, "pair": False},
}
path = Path(tempfile.mkdtemp()) / "capacity.h5"
bl.run_sweep(sweep, path, progress=False)

fig, ax = plt.subplots(figsize=(5.4, 4), layout="constrained")
bl.plots.plot_panel(path, "success", ax, theory=True)
ax.legend(fontsize="small")
plt.show()
