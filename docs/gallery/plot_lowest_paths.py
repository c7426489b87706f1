"""
Lowest paths
============

Left: the potential of Mueller and Brown, with the path of a nudged elastic band (AutoNEB) between its outer minima; it
finds the saddles. Right: four paths between two networks trained on digits. The band and the trained Bezier curve stay
far below the straight line, without matching any units.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

import binland as bl
import deepbridge as db
from deepbridge import connectivity as dc

AMPLITUDES = torch.tensor([-200.0, -100, -170, 15], dtype=torch.float64)
SLOPES = torch.tensor([[-1.0, -1, -6.5, 0.7], [0, 0, 11, 0.6], [-10, -10, -6.5, 0.7]], dtype=torch.float64)
CENTRES = torch.tensor([[1.0, 0, -0.5, -1], [0, 0.5, 1.5, 1]], dtype=torch.float64)


def potential(point):
    """Four Gaussian hills and valleys."""
    x, y = point[0] - CENTRES[0], point[1] - CENTRES[1]
    return (AMPLITUDES * torch.exp(SLOPES[0] * x**2 + SLOPES[1] * x * y + SLOPES[2] * y**2)).sum()


mueller_brown = dc.Function(potential, size=2)
settings = dc.AutoNEB(cycles=[(400, 1e-4)] * 3, pivots=17, weight_decay=0, threshold=0.01, between=19)
chain = dc.autoneb(mueller_brown, [-0.5582, 1.4417], [0.6235, 0.0280], settings, progress=False)

train, test = db.load("digits")
network = db.MLP(64, (32,))
a, b = db.fit_many(network, train, db.continuous.SGD(epochs=40), seeds=[0, 1], progress=False)
landscape = db.landscape(network, train, test)
paths = {
    "line": dc.line(landscape, a, b),
    "line, aligned": dc.line(landscape, a, b, alignment="coordinate"),
    "Bezier curve": dc.curve(landscape, a, b, dc.Curve(epochs=60), progress=False),
    "AutoNEB": dc.autoneb(landscape, a, b, dc.AutoNEB().scaled(0.02), progress=False),
}

fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2), layout="constrained")
x, y = np.linspace(-1.5, 1.1, 120), np.linspace(-0.4, 2, 120)
grid = torch.tensor(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2))
heights = mueller_brown.values(grid).losses.reshape(len(y), len(x))
left.contourf(x, y, heights.clip(max=50), levels=30, cmap="viridis")
left.plot(*chain.corners.T, "o-", color="white", markersize=3, label=f"AutoNEB, highest point {chain.highest_loss:.1f}")
left.set(xlabel="x", ylabel="y", title="potential of Mueller and Brown")
left.legend(loc="upper right")
bl.plots.plot_landscape_path(paths, right, values="errors")
plt.show()
