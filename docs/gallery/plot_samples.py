"""
Jump and retrain
================

From a solution, jumps of four lengths along four random directions, and training from there (Horoi et al. 2022). Left:
all points in two dimensions, by a diffusion map and multidimensional scaling. Right: persistence of the graph of the 20
nearest neighbours, filled from the lowest test loss upwards. Components die where they merge with older ones, those at
the top never do; loops of a graph never die.
"""

import matplotlib.pyplot as plt
import numpy as np

import deepbridge as db
from deepbridge import connectivity as dc

train, test = db.load("digits")
network = db.MLP(64, (32,))
a = db.fit(network, train, db.continuous.SGD(epochs=40), seed=0, progress=False)
landscape = db.landscape(network, train, test)
samples = dc.jump_and_retrain(landscape, a, dc.JumpAndRetrain(epochs=20, learning_rate=0.01), progress=False)
embedding = dc.embed(dc.distance_matrix(samples.points, metric="cosine"))
persistence = dc.sample_persistence(samples)

fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2), layout="constrained")
for run in range(16):
    left.plot(*embedding.coordinates[1 + run :: 16].T, color="0.85", linewidth=0.8, zorder=0)
points = left.scatter(*embedding.coordinates.T, c=samples.test_losses, s=12, cmap="viridis")
left.plot(*embedding.coordinates[0], "*", color="#D55E00", markersize=14, label="the solution")
fig.colorbar(points, ax=left, label="test loss (nat)")
left.set(xlabel="first axis of the picture (nat)", ylabel="second axis (nat)", aspect="equal")
left.set(title=f"{samples.n_samples} samples")
left.legend()
top = samples.test_losses.max()
for dimension, (name, color, marker) in enumerate((("components", "#0072B2", "o"), ("loops", "#D55E00", "x"))):
    births, deaths = np.where(np.isinf(persistence.diagram(dimension)), top, persistence.diagram(dimension)).T
    right.plot(
        births, deaths, marker, color=color, fillstyle="none", zorder=3 - dimension, label=f"{len(births)} {name}"
    )
right.plot([samples.test_losses.min(), top], [samples.test_losses.min(), top], color="0.6", zorder=0)
right.set(xlabel="test loss where it appears (nat)", ylabel="test loss where it disappears (nat)", title="persistence")
right.legend()
plt.show()
