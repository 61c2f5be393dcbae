"""Files of scans and recordings: one module a format, found by what a file holds, never by trying readers in turn.

``FORMATS`` is the table. A module is imported when its format is asked for; each has ``sniff(head, size)``, and

- a scan format ``read(path, mm_per_unit) -> PointCloud | Mesh`` (left out: the unit that the file states, else mm)
and perhaps ``write(path, geometry)``, - a recording format ``read(path) -> Recording`` and perhaps ``write(path,
recording)``.

Every reader checks a file strictly before it hands anything on: counts against bytes, finite numbers, indices in
range, caps on sizes, and memory bounded by the size of the file. What it refuses is a ``ReadError``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from footscan.errors import ReadError
from footscan.io.blocks import Blocks, open_blocks
from footscan.io.files import PathLike, file_sha256, read_head, write_bytes_atomic
from footscan.io.text import show
from footscan.types import Mesh, PointCloud, Recording

__all__ = [
    "FORMATS",
    "Blocks",
    "Format",
    "detect",
    "file_sha256",
    "format_for_writing",
    "open_blocks",
    "read_geometry",
    "read_recording",
    "write_bytes_atomic",
    "write_geometry",
    "write_recording",
]


@dataclass(frozen=True)
class Format:
    """A row of the table: ``suffixes`` in lower case, the first one the usual; ``writable`` True if there is a
    ``write``, ``written`` the suffixes that it makes; ``states_unit`` True where a file says its own unit and
    ``read`` goes by it unless ``mm_per_unit`` is given."""

    name: str
    kind: Literal["scan", "recording"]
    module: str
    suffixes: tuple[str, ...]
    writable: bool
    written: tuple[str, ...] = ()
    states_unit: bool = False

    def load(self) -> Any:
        """The module, imported now."""
        return import_module(self.module)


#: the order in which contents are looked at: unmistakable beginnings first, bare numbers last
FORMATS: tuple[Format, ...] = (
    Format("ply", "scan", "footscan.io.ply", (".ply",), True, (".ply",)),
    Format("gltf", "scan", "footscan.io.gltf", (".glb", ".gltf"), True, (".glb",), states_unit=True),
    Format("parquet", "recording", "footscan.io.parquet", (".parquet",), True, (".parquet",)),
    Format("mcap", "recording", "footscan.io.mcap", (".mcap",), False),
    Format("stepup", "recording", "footscan.io.stepup", (".npz",), False),
    Format("3mf", "scan", "footscan.io.threemf", (".3mf",), False, states_unit=True),
    Format("off", "scan", "footscan.io.off", (".off",), True, (".off",)),
    Format("pcd", "scan", "footscan.io.pcd", (".pcd",), False),
    Format("stl", "scan", "footscan.io.stl", (".stl",), True, (".stl",)),
    Format("c3d", "recording", "footscan.io.c3d", (".c3d",), False),
    Format("pedar", "recording", "footscan.io.pedar", (".asc",), True, (".asc",)),
    Format("pliance", "recording", "footscan.io.pliance", (".asc",), False),
    Format("emed", "recording", "footscan.io.emed", (".lst",), True, (".lst",)),
    Format("loadsol", "recording", "footscan.io.loadsol", (".txt",), False),
    Format("fscan", "recording", "footscan.io.fscan", (".asf",), True, (".asf",)),
    Format("footscan", "recording", "footscan.io.rsscan", (".xls",), False),
    Format("xsensor", "recording", "footscan.io.xsensor", (".csv",), False),
    Format("moticon", "recording", "footscan.io.moticon", (".txt",), False),
    Format("csv", "recording", "footscan.io.plantar_csv", (".csv",), True, (".csv",)),
    Format("stappone", "recording", "footscan.io.stappone", (".csv",), False),
    Format("apd", "recording", "footscan.io.apd", (".apd",), False),
    Format("zebris", "recording", "footscan.io.zebris", (".csv",), False),
    Format("gaitpdb", "recording", "footscan.io.gaitpdb", (".txt",), False),
    Format("obj", "scan", "footscan.io.obj", (".obj",), True, (".obj",)),
    Format("xyz", "scan", "footscan.io.xyz", (".xyz", ".pts", ".txt", ".asc", ".csv"), True, (".xyz", ".txt")),
)

_ANY_TEXT = (".txt", ".csv", ".asc")  # suffixes that say nothing


def detect(path: PathLike) -> Format:
    """The format of a file, by its content; where that is damaged beyond recognition, by a telling suffix.

    Raises
    ------
    ReadError : missing, empty, a directory, unreadable, too large, or like none of the formats
    """
    head, size = read_head(path)
    for row in FORMATS:
        if row.load().sniff(head, size):
            return row
    suffix = _suffix(path)
    named = [row for row in FORMATS if suffix in row.suffixes and suffix not in _ANY_TEXT]
    if len(named) == 1:
        return named[0]  # its reader says what is wrong
    expected = f"one of {', '.join(row.name for row in FORMATS)}"
    raise ReadError(
        path, expected, f"{size} bytes that begin with {show(head[:24])}", "export it in one of these formats"
    )


def read_geometry(path: PathLike, mm_per_unit: float | None = None) -> PointCloud | Mesh:
    """A scan in mm.

    mm_per_unit : how many mm the file's unit has; None for what the file states (3MF, glTF), else for mm

    Raises
    ------
    ReadError : what can't be read, what is damaged, and a recording
    """
    row = detect(path)
    if row.kind != "scan":
        raise ReadError(path, "a scan", f"a recording ({row.name})", "give it as a recording")
    read = row.load().read
    geometry: PointCloud | Mesh = read(path) if mm_per_unit is None else read(path, mm_per_unit)
    return geometry


def read_recording(path: PathLike) -> Recording:
    """A recording in kPa, N, s, mm.

    Raises
    ------
    ReadError : what can't be read, what is damaged, and a scan
    """
    row = detect(path)
    if row.kind != "recording":
        raise ReadError(path, "a recording", f"a scan ({row.name})", "give it as a scan")
    recording: Recording = row.load().read(path)
    return recording


def format_for_writing(path: PathLike, kind: Literal["scan", "recording"]) -> Format:
    """The writable format of that kind which the suffix names; ValueError if there is none."""
    rows = [row for row in FORMATS if row.kind == kind and row.writable]
    for row in rows:
        if _suffix(path) in row.written:
            return row
    known = ", ".join(suffix for row in rows for suffix in row.written)
    raise ValueError(f"{os.fspath(path)}: expected a {kind}'s name that ends with one of {known}")


def write_geometry(path: PathLike, geometry: PointCloud | Mesh) -> None:
    """Write a scan in the format that the suffix names, whole or not at all.

    Raises
    ------
    ValueError : the suffix names no writable scan format, or the format can't hold it (a point cloud as STL)
    OSError : it can't be written
    """
    format_for_writing(path, "scan").load().write(path, geometry)


def write_recording(path: PathLike, recording: Recording) -> None:
    """Write a recording in the format that the suffix names, whole or not at all.

    Raises
    ------
    ValueError : the suffix names no writable recording format, or the format can't hold it
    OSError : it can't be written
    """
    format_for_writing(path, "recording").load().write(path, recording)


def _suffix(path: PathLike) -> str:
    return os.path.splitext(os.fspath(path))[1].lower()
