"""Exactly k of n flips, from independent flips."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from binland.quadrature import NODES, SMOOTH, fourier_rule, gauss_rule, remainder, smooth_mean


def moment(k, n, degree):
    """Chance that `degree` weights chosen in advance are among k of n that are flipped."""
    chance = Fraction(1)
    for m in range(degree):
        chance *= Fraction(k - m, n - m)
    return float(chance)


def parity(k, n, chosen):
    """E[(-1)^(flips among `chosen` weights)] for exactly k of n flips."""
    return float(
        Fraction(
            sum(
                (-1) ** j * comb(chosen, j) * comb(n - chosen, k - j)
                for j in range(max(0, chosen - n + k), min(chosen, k) + 1)
            ),
            comb(n, k),
        )
    )


@pytest.mark.parametrize("count", [2, 4, 6, 8, 12])
@pytest.mark.parametrize(
    ("k", "n"), [(50, 100), (30, 101), (30, 1000), (500, 1000), (970, 1000), (10**4, 10**5), (26, 10**8)]
)
def test_gauss_rules_are_exact_for_polynomials(k, n, count):
    if count > min(k, n - k):
        pytest.skip("there is no such rule")
    rule = gauss_rule(k, n, count)
    assert len(rule.nodes) == count // 2
    for degree in range(2 * count):
        found = sum((w * p**degree).real for w, p in zip(rule.weights, rule.nodes, strict=True))
        assert found == pytest.approx(moment(k, n, degree), rel=1e-12)


def test_gauss_rules_cancel_little():
    """Rounding of the means is amplified by 2.6 (4 nodes) to 5.0 (12 nodes) at most."""
    for count in (4, 6, 8, 12):
        rule = gauss_rule(3000, 10**5, count)
        growth = [(abs(p) + abs(1 - p)) ** 10**5 for p in rule.nodes]  # at most, of a chance
        assert np.sum(np.abs(rule.weights) * growth) < 5.5


@pytest.mark.parametrize(("k", "n"), [(100, 1000), (500, 1000), (40, 10**5), (900, 1000), (5000, 10**5)])
def test_smooth_means_are_exact_or_refused(k, n):
    found = {}
    for chosen in (1, 2, 5, 20, 80):
        found[chosen] = smooth_mean(k, n, lambda p, chosen=chosen: np.array([1 + (1 - 2 * p) ** chosen, 1.0]))
        if found[chosen] is not None:
            assert found[chosen] == pytest.approx(2 + parity(k, n, chosen), rel=1e-12)
    assert found[5] is not None


def test_what_is_not_smooth_is_refused():
    k, n, chosen = 400, 1000, 200  # means of modulus 1 at the ends, next to nothing between
    terms = [lambda p: np.array([p**chosen * (1 - p) ** chosen * 2.0 ** (2 * chosen)])]
    assert smooth_mean(k, n, terms[0]) is None
    rule = gauss_rule(k, n, 4)
    assert remainder(rule, rule.weights[:, None] * np.array([terms[0](p) for p in rule.nodes])) > SMOOTH
    assert smooth_mean(20, 1000, lambda p: np.array([1.0 + p])) is None  # below the least spread
    assert [count for _, count in NODES] == sorted(count for _, count in NODES)


@pytest.mark.parametrize(("k", "n"), [(1, 1000), (7, 10), (5, 10), (500, 1000), (3, 10**5), (999, 1000), (1, 2)])
def test_fourier_sums_are_exact(k, n):
    rule, p = fourier_rule(k, n), k / n
    assert rule.chance == pytest.approx(
        float(Fraction(comb(n, k)) * Fraction(k, n) ** k * Fraction(n - k, n) ** (n - k)), rel=1e-12
    )
    for chosen in (0, 1, 2, n // 2, n):  # E[(-1)^(flips among them) z^K] is a product over weights

        def at(z, chosen=chosen):
            return (1 - p - p * z) ** chosen * (1 - p + p * z) ** (n - chosen)

        found = sum((w * at(z)).real for z, w in zip(rule.characters, rule.weights, strict=True))
        if n <= 1000:
            assert found == pytest.approx(parity(k, n, chosen), abs=1e-11)
        elif chosen == 0:
            assert found == pytest.approx(1, abs=1e-10)
