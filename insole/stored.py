"""Insoles out of their own 3MF onto a plate: the mesh stays as it stands there, byte by byte.

Reads what ``zoned_threemf_bytes`` wrote for PrusaSlicer, one insole a file, and nothing else: files from elsewhere are
read by ``footscan.io``. Whoever has the file's SHA-256 checks it first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree

import numpy as np

from footscan.errors import ReadError
from footscan.io.zips import unpack
from footscan.types import Array, Mesh
from insole.inspection import MODIFIERS
from insole.slicer_files import CONFIG, Stored

MODEL = "3D/3dmodel.model"
HINT = "give the 3MF that plantar wrote for one insole, as it is"
_SPACES = bytes(c if c in b"-.0123456789" else 32 for c in range(256))
_ITEM = re.compile(rb'<item objectid="1"(?: transform="([-0-9. ]+)")?/>')


def read_stored(data: bytes, source: str) -> Stored:
    """An insole of a zoned 3MF; ``source`` is what errors call it. ReadError for any other file."""
    files = {**unpack(source, data, ".model"), **unpack(source, data, ".config")}
    if set(files) != {MODEL, CONFIG["prusa"]}:
        raise ReadError(source, "a model and PrusaSlicer's settings", ", ".join(sorted(files)), HINT)
    model = files[MODEL]
    start, stop = model.find(b"<mesh>"), model.find(b"</mesh>")
    items = _ITEM.findall(model)
    single = model.count(b"<mesh>") == 1 and model.count(b"<object ") == 1 and len(items) == 1
    if b"<!" in model or b'unit="millimeter"' not in model[:400] or not single or stop < start:
        raise ReadError(source, "one insole in mm", "something else", HINT, MODEL)
    settings, volumes = _settings(files[CONFIG["prusa"]], source)
    name = settings.pop("name", "insole")
    return Stored(name, model[start : stop + len(b"</mesh>")], settings, volumes, _scale(items[0], source))


def named(stored: Stored, name: str) -> Stored:
    """The same insole under another name, its body too."""
    volumes = tuple(
        (first, last, said if _is_zone(said) else {**said, "name": name}) for first, last, said in stored.volumes
    )
    return Stored(name, stored.mesh, stored.settings, volumes, stored.scale, stored.placement)


def body_mesh(stored: Stored, source: str) -> Mesh:
    """The insole without its zones as it is printed: scaled. ReadError where the numbers are none."""
    vertices, triangles = stored.mesh.split(b"<triangles>", 1)
    corners = _numbers(vertices, b"<vertex ", source)
    for key in (b'v1="', b'v2="', b'v3="'):
        triangles = triangles.replace(key, b" ")
    faces = _numbers(triangles, b"<triangle ", source).astype(np.int64)
    bodies = [faces[first : last + 1] for first, last, said in stored.volumes if not _is_zone(said)]
    faces = np.concatenate(bodies) if bodies else faces
    if not len(faces) or faces.min() < 0 or faces.max() >= len(corners):
        raise ReadError(source, "triangles between the vertices that are there", "others", HINT, MODEL)
    used, index = np.unique(faces, return_inverse=True)
    return Mesh(corners[used] * np.array(stored.scale), index.reshape(-1, 3), "foot")


# ------------------------------------------------------------------ inside


def _numbers(text: bytes, element: bytes, source: str) -> Array:
    """(n, 3) of n elements with three numbers each."""
    count = text.count(element)
    words = text.translate(_SPACES).split()
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError:
        values = np.zeros(0)
    if len(values) != 3 * count:
        raise ReadError(source, f"{3 * count} numbers", str(len(words)), HINT, MODEL)
    return values.reshape(-1, 3)


def _settings(data: bytes, source: str) -> tuple[dict[str, str], tuple[tuple[int, int, dict[str, str]], ...]]:
    """The object's own, and first and last triangle and settings of each volume."""
    try:
        root = ElementTree.fromstring(data if b"<!" not in data else b"")
        (thing,) = root.findall("object")
        volumes = tuple(
            (int(v.get("firstid", "")), int(v.get("lastid", "")), _told(v)) for v in thing.findall("volume")
        )
    except (ElementTree.ParseError, ValueError):
        raise ReadError(source, "settings of one object", "something else", HINT, CONFIG["prusa"]) from None
    return _told(thing), volumes


def _told(element: ElementTree.Element) -> dict[str, str]:
    return {m.get("key", ""): m.get("value", "") for m in element.findall("metadata")}


def _is_zone(settings: Mapping[str, str]) -> bool:
    return bool({settings.get("volume_type"), settings.get("modifier")} & MODIFIERS)


def _scale(transform: bytes, source: str) -> tuple[float, float, float]:
    """The scale of a build item that does nothing else."""
    if not transform:
        return (1.0, 1.0, 1.0)
    matrix = np.array(transform.split(), dtype=float)
    x, y, z = (float(matrix[k]) for k in (0, 4, 8)) if len(matrix) == 12 else (0.0, 0.0, 0.0)
    if matrix.tolist() != [x, 0.0, 0.0, 0.0, y, 0.0, 0.0, 0.0, z, 0.0, 0.0, 0.0] or min(x, y, z) <= 0.0:
        raise ReadError(source, "an insole in its own place", "one that was moved or turned", HINT, MODEL)
    return (x, y, z)
