"""3MF: a zip of XML; objects, components and the transforms of the build, in mm by the unit that the file states.

Written by hand against hostile files: no entity, no document type, at most 512 MB unpacked and 100 times the packed
size, no ring of components, no more copies than the file is large. The 3MF Core Specification 1.3 and the Production
Extension 1.2 (objects in further parts) are the sources. Read only: insoles are written by ``insole.files``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.text import show
from footscan.io.threemf_model import Model, Object, parse_model, parse_targets
from footscan.io.validate import DAMAGED, MAX_POINTS, geometry, scale, unfinished
from footscan.io.zips import NO_ZIP, ZIP_DAMAGE
from footscan.types import Array, Mesh, PointCloud

MAX_UNPACKED_BYTES = 512 * 1024**2
MAX_RATIO = 100
MAX_PARTS = 10_000
MAX_DEPTH = 32
MAX_VISITS = 100_000
_FREE_POINTS = 1_000_000  # copies may multiply vertices up to here, or to the size of the unpacked models in bytes
_START = "http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"
_TO_BE_BUILT = ("model", "surface")  # the others are supports and helpers

MM_PER_UNIT = {"micron": 1e-3, "millimeter": 1.0, "centimeter": 10.0, "inch": 25.4, "foot": 304.8, "meter": 1000.0}


def sniff(head: bytes, size: int) -> bool:
    """A zip whose first members are those of a 3MF package."""
    office = any(word in head for word in (b"xl/", b"word/", b"ppt/"))
    return (
        head.startswith(b"PK\x03\x04")
        and not office
        and any(w in head for w in (b"3D/", b".model", b"[Content_Types]"))
    )


@unfinished
def read(path: PathLike, mm_per_unit: float | None = None) -> PointCloud | Mesh:
    """Read all that is to be built as one mesh in mm.

    mm_per_unit : None for the unit that the file states

    Raises
    ------
    ReadError : what is no 3MF package, too large, with entities, an index out of range, nothing to build
    """
    if mm_per_unit is not None:
        scale(mm_per_unit)
    package = _Package(path)
    root = package.model(package.root_part())
    if not root.items:
        raise ReadError(path, "an object to build", "none", "export the scan again", package.root)
    placed: list[tuple[Object, Array]] = []
    limit = min(MAX_POINTS, max(_FREE_POINTS, package.unpacked))
    for found, T_build_object in _meshes(package, root):
        placed.append((found, T_build_object))
        limit -= len(found.vertices) + len(found.faces)
        if limit < 0:
            raise ReadError(path, "no more copies than the file is large", "copies of copies", DAMAGED, package.root)
    starts = np.cumsum([0] + [len(found.vertices) for found, _ in placed])
    points = [found.vertices @ T[:3, :3].T + T[:3, 3] for found, T in placed]
    mirrored = [np.linalg.det(T[:3, :3]) < 0 for _, T in placed]
    faces = [
        (found.faces[:, ::-1] if flip else found.faces) + n for (found, _), flip, n in zip(placed, mirrored, starts)
    ]
    vertices = np.concatenate(points) if points else np.empty((0, 3))
    factor = MM_PER_UNIT[root.unit] if mm_per_unit is None else mm_per_unit
    return geometry(path, vertices, np.concatenate(faces) if faces else None, mm_per_unit=factor)


def _meshes(package: _Package, root: Model) -> Iterator[tuple[Object, Array]]:
    """The meshes under the build's items, each with where it goes: a walk of at most ``MAX_VISITS`` objects."""
    stack = [(package.root, item, np.eye(4), 0) for item in reversed(root.items)]
    for _ in range(MAX_VISITS):
        if not stack:
            return
        part, item, T_build_parent, depth = stack.pop()
        part = item.part or part
        model = package.model(part)
        found = model.objects.get(item.object_id)
        if found is None or model.unit != root.unit or depth > MAX_DEPTH:
            expected = f"an object of the file, in its unit, at most {MAX_DEPTH} components deep"
            raise ReadError(package.path, expected, f"id {show(item.object_id)}", DAMAGED, part)
        if found.kind not in _TO_BE_BUILT:
            continue
        T_build_object = T_build_parent @ item.T_parent_object
        if len(found.vertices):
            yield found, T_build_object
        stack += [(part, component, T_build_object, depth + 1) for component in reversed(found.components)]
    raise ReadError(package.path, f"at most {MAX_VISITS} objects", "copies of copies", DAMAGED, package.root)


class _Package:
    """The zip: members by name, within the limits."""

    def __init__(self, path: PathLike) -> None:
        self.path, self.root, self.unpacked = path, "", 0
        self._models: dict[str, Model] = {}
        self._zip, self._members = _open(path)

    def root_part(self) -> str:
        """The name of the model that the package starts with."""
        targets = parse_targets(self.path, self._read("_rels/.rels"))
        starts = [target for kind, target in targets if kind == _START]
        if not starts:
            raise ReadError(self.path, "a 3D model in the package", "none", "export it as 3MF again", "_rels/.rels")
        self.root = _name(starts[0])
        return self.root

    def model(self, part: str) -> Model:
        """A model part, read once."""
        part = _name(part)
        if part not in self._models:
            data = self._read(part)
            self.unpacked += len(data)
            self._models[part] = parse_model(self.path, part, data)
        return self._models[part]

    def _read(self, name: str) -> bytes:
        member = self._members.get(name.lower())
        if member is None:
            raise ReadError(self.path, f"a part {name} in the package", "none", DAMAGED)
        try:
            with self._zip.open(member) as stream:
                data = stream.read(member.file_size + 1)
        except ZIP_DAMAGE as error:
            raise ReadError(self.path, f"the part {name}", str(error)[:120] or "a damaged one", DAMAGED) from error
        if len(data) != member.file_size:
            raise ReadError(self.path, f"{member.file_size} bytes of {name}", str(len(data)), DAMAGED)
        return data


def _name(part: str) -> str:
    return part.lstrip("/")


def _open(path: PathLike) -> tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]:
    """The zip and its members by lower-case name, after the limits were checked; nothing is unpacked yet."""
    data = read_bytes(path)
    try:
        package = zipfile.ZipFile(io.BytesIO(data))
        members = package.infolist()
    except NO_ZIP as error:
        raise ReadError(path, "a zip package", str(error)[:120], DAMAGED) from error
    total = sum(member.file_size for member in members)
    if len(members) > MAX_PARTS or total > MAX_UNPACKED_BYTES or total > MAX_RATIO * len(data):
        expected = f"at most {MAX_PARTS} parts, {MAX_UNPACKED_BYTES} bytes and {MAX_RATIO} times the packed size"
        raise ReadError(path, expected, f"{len(members)} parts, {total} bytes in {len(data)}", "export it again")
    for member in members:
        odd = member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1
        if odd or member.file_size > MAX_RATIO * max(member.compress_size, 1):
            expected = f"plain or deflated parts, packed at most {MAX_RATIO}:1"
            raise ReadError(path, expected, show(member.filename), "export it again")
    return package, {member.filename.lower(): member for member in members}
