"""What a depth camera sees of a synthetic foot: a perspective z-buffer, apart from the code that goes the other way."""

from __future__ import annotations

import numpy as np

from footscan.render import Camera, depth_map
from footscan.types import Array, Mesh

SCALE = 1e6


def look_at(eye: Array, target: Array) -> Array:
    """T_camera_world (4, 4): x right, y down, z forward, for an eye that looks at a target with the world's z up."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0] if abs(forward[2]) < 0.99 else [0.0, 1.0, 0.0])
    right /= np.linalg.norm(right)
    rows = np.array([right, np.cross(forward, right), forward])
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = rows, -rows @ eye
    return T


def moved(T: Array, points: Array) -> Array:
    return np.asarray(points @ T[:3, :3].T + T[:3, 3])


def seen(mesh: Mesh, T_camera_world: Array, size: tuple[int, int], f: float, centre: tuple[float, float]) -> Array:
    """(rows, columns) mm along the optical axis, 0 where there is nothing, through a pinhole without distortion.

    Divided by z a perspective view becomes an upright one, in which 1/z is linear on each triangle.
    """
    x, y, z = moved(T_camera_world, mesh.vertices).T
    assert z.min() > 50.0, "the camera stands in the foot"
    width, height = size
    # the renderer counts from the picture's middle and takes a pixel's centre at +0.5
    u = f * x / z + centre[0] + 0.5 - width / 2.0
    v = f * y / z + centre[1] + 0.5 - height / 2.0
    upright = Mesh(np.column_stack([u, -v, SCALE / z]), mesh.faces)
    nearness = depth_map(upright, Camera(np.eye(3), (0.0, 0.0), 1.0, size)).astype(np.float64)
    return np.where(nearness > 0.0, SCALE / np.where(nearness > 0.0, nearness, 1.0), 0.0)
