"""
A sweep over N / D, and a figure for one column of a paper
==========================================================

A dictionary (or a TOML file) says what is swept; the result file knows its panels by name. Here two of them are drawn
into axes of one's own, in the style for papers: 86 mm wide, letters of 8 points.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt

import binland as bl

sweep = {
    "model": {"kind": "committee", "n_hidden": 21},
    "data": {"latent_dim": 101, "n_patterns": 303, "n_test": 2000},
    "grid": {"n_inputs": [101, 151, 201, 301, 401], "disorder_samples": 3, "solutions": 3},
    "algorithms": {"RSGD": {}, "SGD": {}, "ADV": {}},
}
path = Path(tempfile.mkdtemp()) / "small.h5"
bl.run_sweep(sweep, path, progress=False)

with bl.plots.Page(style="paper").settings():
    fig, axes = plt.subplots(2, 1, figsize=(86 / 25.4, 5.2), layout="constrained")
    for name, ax in zip(("test_error", "barrier"), axes, strict=True):
        bl.plots.plot_panel(path, name, ax)
    fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    plt.show()

# %%
# What is drawn is also a table, with all digits:
bl.plots.panels(path)["barrier"].table().head()
