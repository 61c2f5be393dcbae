"""The quick statistics against numpy's own."""

from __future__ import annotations

import numpy as np
import pytest

from footscan.arrays import Groups, bounds, least_squares, median, quantiles


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1001])
def test_median_and_quantiles_are_those_of_numpy(n: int, rng: np.random.Generator) -> None:
    values = rng.normal(size=n).round(int(rng.integers(0, 4)))  # with ties
    shares = [0.0, 0.005, 0.08, 0.5, 0.98, 1.0, float(rng.random())]
    assert median(values) == np.median(values)
    assert quantiles(values, *shares) == pytest.approx(np.quantile(values, shares).tolist(), abs=1e-12)


def test_bounds_are_those_of_each_column(rng: np.random.Generator) -> None:
    points = rng.normal(size=(50, 3))
    low, high = bounds(points)
    assert np.array_equal(low, points.min(axis=0))
    assert np.array_equal(high, points.max(axis=0))


def test_least_squares_leaves_nothing_along_its_columns(rng: np.random.Generator) -> None:
    u, v = rng.uniform(-1.0, 1.0, (2, 300))
    A = np.stack([u**i * v**j for i in range(4) for j in range(3)], axis=1)
    h = rng.normal(size=300)
    c = least_squares(A, h)
    assert np.abs(A.T @ (h - A @ c)).max() < 1e-9
    assert c == pytest.approx(np.linalg.lstsq(A, h, rcond=None)[0], abs=1e-9)


def test_dependent_columns_get_the_shortest_solution(rng: np.random.Generator) -> None:
    u = rng.normal(size=40)
    A = np.stack([u, 2.0 * u, np.ones(40)], axis=1)
    h = 3.0 * u + 1.0
    assert least_squares(A, h) == pytest.approx(np.linalg.lstsq(A, h, rcond=None)[0], abs=1e-9)
    assert A @ least_squares(A, h) == pytest.approx(h, abs=1e-9)


def test_groups_sum_what_belongs_to_them(rng: np.random.Generator) -> None:
    group = rng.integers(0, 7, 200) * 2  # the odd ones are empty
    basis, values, weight = rng.normal(size=(3, 200)), rng.normal(size=200), rng.random(200)
    order, groups = Groups.of(group, 15)
    M, b = groups.normal_equations(basis[:, order], values[order], weight[order])
    for k in range(15):
        A, w = basis[:, group == k], weight[group == k]
        assert M[k] == pytest.approx((A * w) @ A.T, abs=1e-12)
        assert b[k] == pytest.approx((A * w) @ values[group == k], abs=1e-12)
    fit = rng.normal(size=(15, 3))
    assert groups.fitted(fit, basis[:, order]) == pytest.approx((fit[group].T * basis).sum(axis=0)[order], abs=1e-12)
