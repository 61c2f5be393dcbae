"""Footprint templates: a mean print against which others are laid (MUN104, and any grid in a ``.csv``).

A table of rows of numbers, parted by commas, semicolons or tabs; or a zip of such tables. Row 0 is the heel's, column 0
lies at the wearer's left (MUN104: 63 × 27, the mean of 104 people, Pataky et al. 2011,
doi:10.1016/j.gaitpost.2010.11.002). The side is the final L or R of a table's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.recording_text import side_of_name
from footscan.io.text import clean, parse_rows, show
from footscan.io.zips import SIGNATURE, unpack
from footscan.types import Array, Side, _Record, frozen_array

MUN104_SHAPE = (63, 27)
_MAX_SIDE = 4096
_MAX_VALUE = 1e6
_EXPORT = "write it as a table of numbers, 0 where there is no foot"


@dataclass(frozen=True, eq=False)
class FootTemplate(_Record):
    """A mean footprint: ``values`` (rows, columns), 0 or more, heel first, seen from above with the first column at the
    wearer's left; ``side``; the ``name`` of its table. Neither the size of a cell nor a unit is in the file."""

    values: Array
    side: Side = "unknown"
    name: str = ""

    def __post_init__(self) -> None:
        self._set("values", frozen_array("values", self.values, np.float64, (None, None)))
        if not (np.isfinite(self.values).all() and (self.values >= 0).all() and (self.values > 0).any()):
            raise ValueError("values must be 0 or more and finite, and a print must be on them")


def read_templates(path: PathLike) -> tuple[FootTemplate, ...]:
    """Every template of a file: one of a table, one for each table of a zip, in the order of their names.

    Raises
    ------
    ReadError : no table, rows of different lengths, a number that is none or negative, nothing above 0
    """
    data = read_bytes(path)
    if not data.startswith(SIGNATURE):
        return (_template(path, data, PurePath(path).name),)
    members = unpack(path, data, ".csv")
    return tuple(_template(path, members[name], name) for name in sorted(members))


def read_template(path: PathLike, side: Side = "unknown") -> FootTemplate:
    """The one template of a file, or that of ``side`` where it holds several. ReadError as ``read_templates``, and
    where none, or more than one, is of that side."""
    found = read_templates(path)
    if len(found) > 1 or (side != "unknown" and found[0].side not in (side, "unknown")):
        found = tuple(template for template in found if template.side == side)
    if len(found) != 1:
        raise ReadError(path, f"one template of side {side}", str(len(found)), "name the side: left or right")
    return found[0]


def _template(path: PathLike, data: bytes, name: str) -> FootTemplate:
    text = clean(data)
    mark = next((m for m in (b"\t", b";", b",") if m in text), b",")
    if mark != b"," and b"," in text:
        raise ReadError(path, "decimal points", "decimal commas", "write it with decimal points", show(name))
    lines = text.replace(b"\r", b"").rstrip(b"\n").split(b"\n")
    fields = {line.rstrip(mark + b" ").count(mark) for line in lines}
    rows = parse_rows(path, text.replace(mark, b" "))
    if len(fields) != 1 or not len(rows.counts) or len(rows.counts) > _MAX_SIDE or rows.counts[0] > _MAX_SIDE:
        found = f"{len(lines)} lines of {' or '.join(str(n + 1) for n in sorted(fields)[:3])} fields"
        raise ReadError(path, f"rows of one length, at most {_MAX_SIDE}", found, _EXPORT, show(name))
    table = rows.table(path, fields.pop() + 1)
    if not ((table >= 0) & (table <= _MAX_VALUE)).all() or not (table > 0).any():
        found = f"{table.min():g} to {table.max():g}"
        raise ReadError(path, f"numbers from 0 to {_MAX_VALUE:g}, some above 0", found, _EXPORT, show(name))
    return FootTemplate(table, side_of_name(name), name)
