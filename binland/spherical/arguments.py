"""Checks of the arguments that all functions of the spherical perceptron take."""

from binland.checks import number_between

LARGEST_ALPHA, LARGEST_MARGIN = 1e6, 4.0


def checked_alpha(alpha: object) -> float:
    """P / N as a float; raises InvalidInputError unless it is from 0 to 1e6."""
    return number_between("alpha", alpha, 0.0, LARGEST_ALPHA)


def checked_margin(name: str, kappa: object) -> float:
    """A margin as a float; raises InvalidInputError unless it is from -4 to 4."""
    return number_between(name, kappa, -LARGEST_MARGIN, LARGEST_MARGIN)
