"""A few of numpy's statistics for the small arrays of which a foot has tens of thousands.

The same values (to the last bits of a rounding) without the generality that costs most of the time there: one
dimension, no NaN, no empty input. numpy's own are the tests of these.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from footscan.types import Array

LEAST_PIVOT = 1e-6  #: of the largest: below it columns are taken for dependent


def median(values: Array) -> float:
    """The median of (n,) values, n at least 1."""
    half = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, half)[half])
    low, high = np.partition(values, (half - 1, half))[half - 1 : half + 1]
    return float((low + high) / 2.0)


def quantiles(values: Array, *shares: float) -> list[float]:
    """Quantiles of (n,) values, n at least 1, at shares in [0, 1], linear between neighbours (type 7 of Hyndman & Fan
    1996, doi:10.1080/00031305.1996.10473566)."""
    last = len(values) - 1
    places = [share * last for share in shares]
    lower = [int(place) for place in places]
    ordered = np.partition(values, sorted({*lower, *(min(k + 1, last) for k in lower)}))
    found = []
    for place, k in zip(places, lower):
        low, high = float(ordered[k]), float(ordered[min(k + 1, last)])
        found.append(low + (place - k) * (high - low))
    return found


def bounds(points: Array) -> tuple[Array, Array]:
    """Least and greatest (k,) of each column of (n, k) points: by columns, for numpy is slow along short rows."""
    columns = [points[:, k] for k in range(points.shape[1])]
    return np.array([c.min() for c in columns]), np.array([c.max() for c in columns])


def least_squares(A: Array, h: Array) -> Array:
    """The least squares solution (k,) of A (n, k) c = h (n,), the columns of A of a size within some powers of ten.

    By the normal equations, several times quicker than by singular values and as good while the columns are far from
    dependent; otherwise by ``numpy.linalg.lstsq``.
    """
    gram, right = A.T @ A, A.T @ h
    try:
        pivots = np.diagonal(np.linalg.cholesky(gram))
        if pivots.min() > LEAST_PIVOT * pivots.max():
            return np.asarray(np.linalg.solve(gram, right))
    except np.linalg.LinAlgError:
        pass
    return np.asarray(np.linalg.lstsq(A, h, rcond=None)[0])


@dataclass(frozen=True, eq=False)
class Groups:
    """n items sorted by group: ``sizes`` (count,), ``filled`` the groups that have any, ``first`` where those begin."""

    count: int
    sizes: Array
    filled: Array
    first: Array

    @classmethod
    def of(cls, group: Array, count: int) -> tuple[Array, Groups]:
        """The order (n,) that sorts items by their group (n,), 0 to ``count`` - 1, and the groups of what is sorted."""
        small = group.astype(np.uint16 if count < 65_536 else np.int64)  # sixteen bits are sorted by counting
        order = np.argsort(small, kind="stable")
        sizes = np.bincount(group, minlength=count)
        filled = np.flatnonzero(sizes)
        return order, cls(count, sizes, filled, (np.cumsum(sizes) - sizes)[filled])

    def sums(self, rows: Array) -> Array:
        """The sum of each group, (r, count), of values (r, n) in sorted order."""
        found = np.zeros((len(rows), self.count))
        if len(self.first):
            found[:, self.filled] = np.add.reduceat(rows, self.first, axis=1)
        return found

    def normal_equations(self, basis: Array, values: Array, weight: Array) -> tuple[Array, Array]:
        """Matrix (count, k, k) and right side (count, k) of each group's weighted least squares of ``values`` (n,) over
        ``basis`` (k, n), all in sorted order."""
        k = len(basis)
        i, j = np.triu_indices(k)
        rows = np.empty((len(i) + k, len(values)))
        weighted = basis * weight
        np.multiply(weighted, values, out=rows[len(i) :])
        for row, (a, b) in enumerate(zip(i.tolist(), j.tolist())):
            np.multiply(weighted[a], basis[b], out=rows[row])
        sums = self.sums(rows)
        M = np.empty((self.count, k, k))
        M[:, i, j] = M[:, j, i] = sums[: len(i)].T
        return M, sums[len(i) :].T

    def fitted(self, fit: Array, basis: Array) -> Array:
        """What each group's coefficients (count, k) make of ``basis`` (k, n), in sorted order."""
        return np.asarray(np.einsum("kn,kn->n", np.repeat(np.ascontiguousarray(fit.T), self.sizes, axis=1), basis))
