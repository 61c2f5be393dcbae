"""Upright rays through a mesh, and a binary STL read back: written apart from the code that is tested."""

from __future__ import annotations

import numpy as np

from footscan.types import Array


def read_stl(data: bytes) -> Array:
    """Corners (n, 3, 3) of a binary STL."""
    count = int(np.frombuffer(data[80:84], "<u4")[0])
    facets = np.frombuffer(data[84:], np.dtype([("n", "<f4", 3), ("c", "<f4", (3, 3)), ("a", "<u2")]))
    assert len(facets) == count
    return facets["c"].astype(float)


class Rays:
    """Crossings of upright lines with triangles (n, 3, 3)."""

    def __init__(self, corners: Array) -> None:
        order = np.argsort(corners[:, :, 0].min(axis=1), kind="stable")
        self.c = corners[order]
        self.low, self.high = self.c[:, :, :2].min(axis=1), self.c[:, :, :2].max(axis=1)
        self.widest = float((self.high - self.low)[:, 0].max())

    def at(self, x: float, y: float) -> Array:
        """All z where the line through (x, y) crosses, sorted; crossings of one place counted once."""
        first, last = np.searchsorted(self.low[:, 0], [x - self.widest - 1e-9, x + 1e-9])
        near = slice(int(first), int(last))
        ok = (self.high[near, 0] >= x) & (self.low[near, 1] <= y) & (self.high[near, 1] >= y)
        a, b, c = (self.c[near][ok][:, k] for k in range(3))
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
        keep = np.abs(area) > 1e-12
        a, b, c, area = a[keep], b[keep], c[keep], area[keep]
        w0 = ((b[:, 0] - x) * (c[:, 1] - y) - (b[:, 1] - y) * (c[:, 0] - x)) / area
        w1 = ((c[:, 0] - x) * (a[:, 1] - y) - (c[:, 1] - y) * (a[:, 0] - x)) / area
        w2 = 1 - w0 - w1
        hit = (w0 >= -1e-9) & (w1 >= -1e-9) & (w2 >= -1e-9)
        z = np.sort((w0 * a[:, 2] + w1 * b[:, 2] + w2 * c[:, 2])[hit])
        return z[np.concatenate([[True], np.diff(z) > 1e-6])] if len(z) else z

    def top(self, x: float, y: float) -> float:
        z = self.at(x, y)
        return float(z[-1]) if len(z) else float("nan")

    def bottom(self, x: float, y: float) -> float:
        z = self.at(x, y)
        return float(z[0]) if len(z) else float("nan")

    def thickness(self, x: float, y: float) -> float:
        z = self.at(x, y)
        return float(z[-1] - z[0])

    def tops(self, x: Array | float, y: Array | float) -> Array:
        return np.array([self.top(a, b) for a, b in zip(*np.broadcast_arrays(np.atleast_1d(x), np.atleast_1d(y)))])
