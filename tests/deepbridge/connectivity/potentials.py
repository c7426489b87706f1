"""Functions with known minima and saddles."""

import torch

import deepbridge as db

# Mueller and Brown, Theor. Chim. Acta 53, 75 (1979).
AMPLITUDES = torch.tensor([-200.0, -100.0, -170.0, 15.0], dtype=torch.float64)
A, B, C = (
    torch.tensor(row, dtype=torch.float64)
    for row in ((-1.0, -1.0, -6.5, 0.7), (0.0, 0.0, 11.0, 0.6), (-10.0, -10.0, -6.5, 0.7))
)
X, Y = (torch.tensor(row, dtype=torch.float64) for row in ((1.0, 0.0, -0.5, -1.0), (0.0, 0.5, 1.5, 1.0)))
MINIMA = [[-0.558223635, 1.441725842], [-0.050010823, 0.466694105], [0.623499405, 0.028037757]]
SADDLES = [-40.66484351147, -72.24894011232]  # between the first and second, and the second and third minimum


def mueller_brown_value(x):
    dx, dy = x[0] - X, x[1] - Y
    return (AMPLITUDES * torch.exp(A * dx**2 + B * dx * dy + C * dy**2)).sum()


def mueller_brown():
    return db.connectivity.Function(mueller_brown_value, 2)


def double_well(height=1.0, size=2):
    """Minima at +-1 on the first axis, and a barrier of known height at 0."""
    return db.connectivity.Function(lambda x: height * (x[0] ** 2 - 1) ** 2 + x[1:].square().sum(), size)


def ring():
    """A circular valley of depth 0 around a hill of height 1."""
    return db.connectivity.Function(lambda x: (x.square().sum() - 1) ** 2, 2)
