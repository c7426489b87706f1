"""
Straight lines and geodesics
============================

Two ReLU networks, trained on small pictures of digits. Left: the train error along the straight line between them, and
along the geodesic after the symmetries of rescaling and permutation are removed. Right: the plane through the first,
the second, and the second aligned to the first.
"""

import matplotlib.pyplot as plt

import binland as bl
import deepbridge as db

train, test = db.load("digits")
network = db.MLP(64, (32,))
first, second = (db.fit(network, train, db.continuous.SGD(epochs=30), seed=k, progress=False) for k in (0, 1))
a, b = db.normalize(first), db.normalize(second)
aligned = db.align(b, to=a, method="coordinate").solution

fig, (left, right) = plt.subplots(1, 2, figsize=(9.4, 4), layout="constrained")
bl.plots.plot_path(db.path(first, second, train, "linear"), left, "line, as trained", color="#56B4E9")
bl.plots.plot_path(db.path(a, b, train, "geodesic"), left, "geodesic", color="#0072B2", line="--")
bl.plots.plot_path(db.path(a, aligned, train, "geodesic"), left, "geodesic, aligned", color="#D55E00")
left.legend()
contours, *_ = bl.plots.plot_plane(db.plane(a, b, aligned, train, points=15), right, names=("A", "B", "B'"))
fig.colorbar(contours, ax=right, label="train error (%)", shrink=0.8)
plt.show()
