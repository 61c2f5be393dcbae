"""Can this file be printed and worn? A mesh file of ours or anybody's: what ``check_mesh`` asks, radii, and the shoe.

A 3MF with zones holds more than the insole: what its slicer settings call modifiers is left out, and each part that is
printed is judged by itself.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from footscan.errors import ScanError
from footscan.io import read_geometry
from footscan.types import Array, Mesh
from insole.checks import BED_MM, CheckItem, CheckReport, check_mesh, columns, welded
from insole.rules import COUNTER_CLEARANCE_MM, FOREFOOT_ROOM_MM, stock_insole_mm
from insole.types import InsolePrescription

PRUSA_CONFIG = "Metadata/Slic3r_PE_model.config"
MAX_CONFIG_BYTES = 4_000_000
MODIFIERS = {"1", "ParameterModifier", "SupportEnforcer", "SupportBlocker", "NegativeVolume"}
RADIUS_MM, RADIUS_TOLERANCE_MM = 1.0, 0.3
SHARP_DEG = 40.0  #: a fold of that much between two facets is an edge, whatever their size
FLAT_DEG = 4.0  #: less is no edge
LOOKS_UP = 0.17  #: upward share of a normal: what a foot can touch
SHARP_SHARE = 0.05  #: of the edges' length, that may be sharper
HEEL_STATION, FOREFOOT_STATIONS = 0.15, (0.70, 0.90)


@dataclass(frozen=True)
class Shoe:
    """Room in a shoe, inside, mm; None where it was not measured. ``under_mm`` and ``over_mm``: what lies below (the
    shoe's own insole) and above (the cover) the printed part."""

    length_mm: float | None = None
    width_mm: float | None = None
    counter_height_mm: float | None = None
    forefoot_depth_mm: float | None = None
    under_mm: float = 0.0
    over_mm: float = 0.0

    @classmethod
    def of(cls, rx: InsolePrescription) -> Shoe:
        """What a prescription says of the shoe."""
        return cls(
            None,
            None,
            rx.shoe_counter_height_mm,
            rx.shoe_forefoot_depth_mm,
            stock_insole_mm(rx),
            rx.cover_thickness_mm,
        )


def check(
    file: str | Path,
    min_thickness_mm: float = 1.2,
    bed_mm: tuple[float, float] | None = None,
    shoe: Shoe | None = None,
) -> CheckReport:
    """Every question, its answer, and what was found. Several parts in one file: each item bears its part's number.

    Bed and shoe refuse a mesh only where they are given; against the usual ones it is advice.

    Raises ReadError for what can't be read, ScanError for points without triangles.
    """
    parts = printed_parts(file)
    items: list[CheckItem] = []
    for number, mesh in enumerate(parts, 1):
        found = list(check_mesh(mesh, min_thickness_mm, bed_mm or BED_MM).items)
        if bed_mm is not None:
            found = [replace(item, advice=False) if item.name == "printer_bed" else item for item in found]
        if len(mesh.faces):
            found.append(edge_radius(mesh))
            found += fits_shoe(mesh, shoe or Shoe())
        items += [_numbered(item, number) if len(parts) > 1 else item for item in found]
    return CheckReport(tuple(items))


def printed_parts(file: str | Path) -> tuple[Mesh, ...]:
    """The meshes of a file that are printed, in its order, without modifiers. Raises ReadError, ScanError."""
    path = Path(file)
    mesh = read_geometry(path)
    if not isinstance(mesh, Mesh) or not len(mesh.faces):
        hint = "expected a mesh with triangles, found points only; give an STL, 3MF, PLY, OBJ or GLB"
        raise ScanError(f"{path.name}: {hint}")
    volumes = [v for of_object in prusa_volumes(path, len(mesh.faces)) for v in of_object if not v.modifier]
    return tuple(faces_of(mesh, v.first, v.last) for v in volumes) if volumes else (mesh,)


def edge_radius(mesh: Mesh) -> CheckItem:
    """The radius of the edges that a foot can touch: where facets fold outward, one of them looking up.

    Between facets of width w that turn by θ the radius is w/θ; a single fold of more than 40° is sharp.
    """
    vertices, faces = welded(mesh)
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area2 = np.linalg.norm(normal, axis=1)
    unit, centre = normal / np.maximum(area2, 1e-12)[:, None], corners.mean(axis=1)
    first, second, length = _neighbours(vertices, faces)
    away = np.einsum("ij,ij->i", unit[first], unit[second])
    turn = np.arccos(np.clip(away, -1.0, 1.0))
    outward = np.einsum("ij,ij->i", centre[second] - centre[first], unit[first]) < 0
    up = np.maximum(unit[first, 2], unit[second, 2]) > LOOKS_UP
    edge = outward & up & (turn > np.radians(FLAT_DEG)) & (length > 1e-6)
    width = 0.5 * (area2[first] + area2[second])[edge] / length[edge]
    radius = np.where(turn[edge] > np.radians(SHARP_DEG), 0.0, width / turn[edge])
    limit = f"at least {RADIUS_MM:g} mm"
    if not edge.any():
        return CheckItem("edge_radius_mm", True, None, limit, "no edge that a foot can touch", advice=True)
    order = np.argsort(radius, kind="stable")
    share = np.cumsum(length[edge][order])
    value = float(radius[order][np.searchsorted(share, SHARP_SHARE * share[-1])])
    ok = value >= RADIUS_MM - RADIUS_TOLERANCE_MM
    found = f"edges are rounded by {min(value, 99.0):.2f} mm"
    message = found if ok else f"{found} only: round them, or they are felt"
    return CheckItem("edge_radius_mm", ok, value, limit, message, advice=True)


def fits_shoe(mesh: Mesh, shoe: Shoe) -> list[CheckItem]:
    """Length, width, heel and forefoot against the room that is known; without any, the usual forefoot's."""
    x, y = mesh.vertices[:, 0], mesh.vertices[:, 1]
    items = []
    for name, value, room in (
        ("shoe_length_mm", float(np.ptp(x)), shoe.length_mm),
        ("shoe_width_mm", float(np.ptp(y)), shoe.width_mm),
    ):
        if room is not None:
            items.append(_room(name, value, room, "inside the shoe", given=True))
    thickness = _Along(mesh)
    heel = thickness(HEEL_STATION, HEEL_STATION)
    fore = thickness(*FOREFOOT_STATIONS)
    if shoe.counter_height_mm is not None and heel is not None:
        room = shoe.counter_height_mm - COUNTER_CLEARANCE_MM
        total = heel + shoe.under_mm + shoe.over_mm
        where = f"{COUNTER_CLEARANCE_MM:g} mm below the counter's edge"
        items.append(_room("shoe_heel_mm", total, room, where, given=True))
    if fore is not None:
        total, room = fore + shoe.under_mm + shoe.over_mm, shoe.forefoot_depth_mm or FOREFOOT_ROOM_MM
        given = shoe.forefoot_depth_mm is not None
        items.append(_room("shoe_forefoot_mm", total, room, "over the forefoot", given))
    return items


# ------------------------------------------------------------------ inside


def _numbered(item: CheckItem, number: int) -> CheckItem:
    return CheckItem(f"{number}: {item.name}", item.ok, item.value, item.limit, item.message, item.advice)


def _room(name: str, value: float, room: float, where: str, given: bool) -> CheckItem:
    ok = value <= room + 0.1
    message = f"{value:.1f} mm of {room:g} mm {where}"
    if not ok:
        message += f": {value - room:.1f} mm too much"
    return CheckItem(name, ok, value, f"at most {room:g} mm", message, advice=not given)


def _neighbours(vertices: Array, faces: Array) -> tuple[Array, Array, Array]:
    """Faces (k,) on either side of each edge that two share, and the edge's length."""
    start, stop = faces.ravel(), faces[:, [1, 2, 0]].ravel()
    key = np.minimum(start, stop) * len(vertices) + np.maximum(start, stop)
    order = np.argsort(key, kind="stable")
    pair = np.flatnonzero(key[order][1:] == key[order][:-1])
    one, two = order[pair], order[pair + 1]
    length = np.linalg.norm(vertices[stop[one]] - vertices[start[one]], axis=1)
    return one // 3, two // 3, length


class _Along:
    """Median printed thickness in the middle of the insole between two stations of its length; None where no ray is."""

    def __init__(self, mesh: Mesh) -> None:
        cell, z, up, low, shape = columns(mesh.vertices, mesh.faces)
        top, bottom = np.full(shape[0] * shape[1], -np.inf), np.full(shape[0] * shape[1], np.inf)
        np.maximum.at(top, cell[up], z[up])
        np.minimum.at(bottom, cell[~up], z[~up])
        self.thickness = (top - bottom).reshape(shape)
        self.length = float(np.ptp(mesh.vertices[:, 0]))
        self.start = float(mesh.vertices[:, 0].min() - low[0])

    def __call__(self, first: float, last: float) -> float | None:
        rows = [round(self.start + f * self.length) for f in (first, last)]
        found = []
        for row in self.thickness[max(rows[0] - 2, 0) : rows[1] + 3]:
            inside = np.flatnonzero(np.isfinite(row))
            if len(inside) > 8:
                quarter = len(inside) // 4
                found.append(row[inside[quarter:-quarter]])
        return float(np.median(np.concatenate(found))) if found else None


def faces_of(mesh: Mesh, first: int, last: int) -> Mesh:
    """Some faces, with their own vertices only."""
    faces = mesh.faces[first : last + 1]
    used, index = np.unique(faces, return_inverse=True)
    return Mesh(mesh.vertices[used], index.reshape(-1, 3), mesh.frame)


@dataclass(frozen=True)
class Volume:
    """What PrusaSlicer's settings say of some faces of an object: first and last of them, whether they are a modifier,
    and the object's and the volume's own settings."""

    first: int
    last: int
    modifier: bool
    settings: Mapping[str, str]


def prusa_volumes(path: Path, count: int) -> list[list[Volume]]:
    """The volumes of each object of a 3MF with ``count`` faces, where PrusaSlicer's settings say them; else none.

    The file has been read by the strict reader before; settings that do not match its faces are left alone.
    """
    root = _config(path)
    if root is None:
        return []
    objects, start = [], 0
    try:
        for obj in root.iter("object"):
            own, volumes, end = _settings(obj), [], start
            for volume in obj.iter("volume"):
                first, last = start + int(volume.get("firstid", "")), start + int(volume.get("lastid", ""))
                said = _settings(volume)
                modifier = bool({said.get("volume_type"), said.get("modifier")} & MODIFIERS)
                volumes.append(Volume(first, last, modifier, own | said))
                end = max(end, last + 1)
            objects.append(volumes)
            start = end
    except ValueError:
        return []
    sound = all(0 <= v.first <= v.last < count for volumes in objects for v in volumes)
    return objects if start == count and sound else []


def _settings(element: ElementTree.Element) -> dict[str, str]:
    return {m.get("key", ""): m.get("value", "") for m in element.findall("metadata")}


def _config(path: Path) -> ElementTree.Element | None:
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        if PRUSA_CONFIG not in archive.namelist() or archive.getinfo(PRUSA_CONFIG).file_size > MAX_CONFIG_BYTES:
            return None
        data = archive.read(PRUSA_CONFIG)
    if b"<!" in data:  # no document type, no entities
        return None
    try:
        return ElementTree.fromstring(data)
    except ElementTree.ParseError:
        return None
