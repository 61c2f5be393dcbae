"""Excel 97–2003 worksheets (BIFF8, [MS-XLS]): the numbers and texts of the first sheet of a workbook stream.

A stream of records: type and length of two bytes each, then at most 8,224 bytes. Read are SST (the shared texts, with
its CONTINUE records), BOUNDSHEET, DIMENSIONS, and of the cells LABELSST, LABEL, NUMBER, RK and MULRK; formats and blank
cells are left out. Formulas, truth values and errors are refused, and so are workbooks with a password: an export of
measurements has none of them.

The records are walked once; the numbers are then taken out by type, all at a time.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike
from footscan.types import Array

_BOF, _EOF, _CONTINUE, _SST, _BOUNDSHEET, _FILEPASS = 0x809, 0x0A, 0x3C, 0xFC, 0x85, 0x2F
_DIMENSIONS, _LABELSST, _LABEL, _NUMBER, _RK, _MULRK = 0x200, 0xFD, 0x204, 0x203, 0x27E, 0xBD
_REFUSED = {0x06: "a formula", 0x205: "a truth value or an error", 0xD6: "a text of many formats"}
_LARGEST_RECORD = 8224
_BIFF8 = 0x0600
_WORKBOOK, _WORKSHEET = 0x05, 0x10  # kinds of substream
_MAX_ROWS, _MAX_COLUMNS = 65536, 256
_AGAIN = "the workbook is damaged or cut off: export it again"


@dataclass(frozen=True, eq=False)
class Sheet:
    """``rows``, ``columns`` (cells,) int64 from 0 and ``values`` (cells,) float64 of the numbers, sorted by row and
    column; ``texts[row, column]``. No cell stands in it twice."""

    rows: Array
    columns: Array
    values: Array
    texts: dict[tuple[int, int], str]


def read_sheet(path: PathLike, stream: bytes) -> Sheet:
    """The first worksheet of the stream ``Workbook``.

    Raises
    ------
    ReadError : not BIFF8, a password, formulas, records or texts that run over their end, cells outside the dimensions
        that the sheet declares, a cell that is there twice
    """
    strings, start = _globals(path, stream)
    places = _places(path, stream, start)
    rows, columns, values = _numbers(path, stream, places)
    texts = _texts(path, stream, places, strings)
    order = np.argsort(rows * _MAX_COLUMNS + columns, kind="stable")
    sheet = Sheet(rows[order], columns[order], values[order], texts)
    _check_cells(path, stream, places, sheet)
    return sheet


def _records(path: PathLike, stream: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Type, first byte and length of each record from ``start`` on, without those of substreams within (charts)."""
    unpack, depth, at, end = struct.Struct("<HH").unpack_from, 0, start, len(stream)
    while at + 4 <= end:
        kind, length = unpack(stream, at)
        at += 4
        if length > _LARGEST_RECORD or at + length > end:
            expected = f"a record of at most {min(_LARGEST_RECORD, end - at)} bytes"
            raise ReadError(path, expected, f"{length} bytes", _AGAIN, f"byte {at - 4} of the workbook")
        if kind == _BOF:
            depth += 1
        if depth == 1:
            yield kind, at, length
        if kind == _EOF:
            depth -= 1
            if depth <= 0:
                return
        at += length
    raise ReadError(path, "an end of the sheet", "the end of the workbook", _AGAIN, f"byte {at} of the workbook")


def _check_start(path: PathLike, stream: bytes, at: int, kind: int, what: str) -> None:
    found = struct.unpack_from("<HHHH", stream, at) if 0 <= at <= len(stream) - 8 else (0, 0, 0, 0)
    if found[0] != _BOF or found[2:] != (_BIFF8, kind):
        expected = f"the beginning of {what} of Excel 97 to 2003 (BIFF8)"
        raise ReadError(path, expected, f"record {found[0]:#x}, version {found[2]:#x}", _AGAIN, f"byte {at}")


# ------------------------------------------------------------------ the workbook


def _globals(path: PathLike, stream: bytes) -> tuple[list[str], int]:
    """The shared texts and the place of the first worksheet."""
    _check_start(path, stream, 0, _WORKBOOK, "a workbook")
    texts: list[tuple[int, int]] = []  # the SST record and those that continue it
    sheet, before = None, 0
    for kind, at, length in _records(path, stream, 0):
        if kind == _FILEPASS:
            raise ReadError(path, "a workbook without a password", "an encrypted one", "save it without a password")
        if kind == _SST or (kind == _CONTINUE and before == _SST):
            texts.append((at, length))
            kind = _SST
        elif kind == _BOUNDSHEET and sheet is None and length >= 6 and stream[at + 5] == 0:
            sheet = struct.unpack_from("<I", stream, at)[0]
        before = kind
    if sheet is None:
        raise ReadError(path, "a worksheet in the workbook", "none", _AGAIN)
    _check_start(path, stream, sheet, _WORKSHEET, "a worksheet")
    return _shared_texts(path, stream, texts), sheet


def _shared_texts(path: PathLike, stream: bytes, parts: list[tuple[int, int]]) -> list[str]:
    """The texts of an SST record: their number, then each with its length, its flags and its characters."""
    if not parts:
        return []
    reader = _TextReader(path, [stream[at : at + length] for at, length in parts])
    count = struct.unpack("<II", reader.take(8))[1]
    if count > sum(length for _, length in parts) // 3:
        raise ReadError(path, "shared texts that fit their record", f"{count} texts", _AGAIN)
    return [reader.text() for _ in range(count)]


class _TextReader:
    """Texts that may run on from one record into the next (the rest then begins with new flags)."""

    def __init__(self, path: PathLike, parts: list[bytes]) -> None:
        self.path, self.parts, self.part, self.at = path, parts, 0, 0

    def left(self) -> int:
        return len(self.parts[self.part]) - self.at

    def next_part(self) -> None:
        self.part, self.at = self.part + 1, 0
        if self.part >= len(self.parts):
            raise ReadError(self.path, "the rest of a text", "the end of the shared texts", _AGAIN)

    def take(self, count: int) -> bytes:
        """So many bytes, over the end of a record where it must be."""
        out = b""
        while len(out) < count:
            if not self.left():
                self.next_part()
            piece = self.parts[self.part][self.at : self.at + count - len(out)]
            self.at += len(piece)
            out += piece
        return out

    def text(self) -> str:
        length, flags = struct.unpack("<HB", self.take(3))
        runs = struct.unpack("<H", self.take(2))[0] if flags & 8 else 0
        more = struct.unpack("<I", self.take(4))[0] if flags & 4 else 0
        out, units = "", 0
        while units < length:
            if not self.left():
                self.next_part()
                flags = (flags & ~1) | (self.take(1)[0] & 1)
            wide = 2 if flags & 1 else 1
            here = min(length - units, self.left() // wide)
            if not here:
                raise ReadError(self.path, "whole characters", "half of one", _AGAIN)
            out += self.take(here * wide).decode("utf-16-le" if wide == 2 else "latin-1", "replace")
            units += here
        if 4 * runs + more > sum(map(len, self.parts)):
            raise ReadError(self.path, "a text that fits its record", f"{4 * runs + more} more bytes", _AGAIN)
        self.take(4 * runs + more)
        return out


# ------------------------------------------------------------------ the cells of a sheet


def _places(path: PathLike, stream: bytes, start: int) -> dict[tuple[int, int], list[int]]:
    """First bytes of the records of each type and length that hold cells."""
    wanted = {_DIMENSIONS, _LABELSST, _LABEL, _NUMBER, _RK, _MULRK}
    places: dict[tuple[int, int], list[int]] = {}
    for kind, at, length in _records(path, stream, start):
        if kind in wanted:
            places.setdefault((kind, length), []).append(at)
        elif kind in _REFUSED:
            where = f"byte {at - 4} of the workbook"
            raise ReadError(path, "cells with numbers and texts", _REFUSED[kind], "save it as values only", where)
    return places


def _gathered(stream: bytes, at: list[int], length: int) -> Array:
    """(records, length) bytes."""
    windows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(stream, np.uint8), length)
    return np.asarray(windows[np.asarray(at, np.int64)])


def _numbers(path: PathLike, stream: bytes, places: dict[tuple[int, int], list[int]]) -> tuple[Array, Array, Array]:
    """Rows, columns and values of all numbers, in the order of the types."""
    rows, columns, values = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0)]
    for (kind, length), at in places.items():
        if kind not in (_NUMBER, _RK, _MULRK):
            continue
        fits = {_NUMBER: length == 14, _RK: length == 10, _MULRK: length >= 12 and length % 6 == 0}
        if not fits[kind]:
            raise ReadError(path, "a cell record of its own length", f"{length} bytes", _AGAIN, f"byte {at[0] - 4}")
        records = _gathered(stream, at, length)
        head = records[:, :4].copy().view("<u2").astype(np.int64)
        many = (length - 6) // 6 if kind == _MULRK else 1
        if kind == _NUMBER:
            value = records[:, 6:].copy().view("<f8")
        elif kind == _RK:
            value = _rk(records[:, 6:].copy().view("<u4"))
        else:
            value = _rk(records[:, 4:-2].reshape(len(at), many, 6)[:, :, 2:].copy().view("<u4")[:, :, 0])
            last = records[:, -2:].copy().view("<u2")[:, 0]
            if (last != head[:, 1] + many - 1).any():
                raise ReadError(path, f"{many} cells in a row", "another number", _AGAIN, f"byte {at[0] - 4}")
        rows.append(np.repeat(head[:, 0], many))
        columns.append((head[:, 1:] + np.arange(many)).ravel())
        values.append(value.ravel())
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)


def _rk(words: Array) -> Array:
    """Numbers packed into 32 bits: 30 of a whole number or of the front of a double; bit 0: in hundredths."""
    doubles = ((words & np.uint32(0xFFFFFFFC)).astype(np.uint64) << np.uint64(32)).view(np.float64)
    plain = np.where(words & 2, (words.view(np.int32) >> 2).astype(np.float64), doubles)
    return np.asarray(np.where(words & 1, plain / 100.0, plain))


def _texts(
    path: PathLike, stream: bytes, places: dict[tuple[int, int], list[int]], strings: list[str]
) -> dict[tuple[int, int], str]:
    texts: dict[tuple[int, int], str] = {}
    for (kind, length), at in places.items():
        if kind not in (_LABELSST, _LABEL):
            continue
        for first in at:
            where = f"byte {first - 4} of the workbook"
            if length < 9 or (kind == _LABELSST and length != 10):
                raise ReadError(path, "a cell record of its own length", f"{length} bytes", _AGAIN, where)
            row, column = struct.unpack_from("<HH", stream, first)
            if (row, column) in texts:
                raise ReadError(path, "each cell once", f"row {row + 1} column {column + 1} twice", _AGAIN, where)
            if kind == _LABEL:
                texts[row, column] = _TextReader(path, [stream[first + 6 : first + length]]).text()
                continue
            number = struct.unpack_from("<I", stream, first + 6)[0]
            if number >= len(strings):
                raise ReadError(path, f"one of {len(strings)} shared texts", f"number {number}", _AGAIN, where)
            texts[row, column] = strings[number]
    return texts


def _check_cells(path: PathLike, stream: bytes, places: dict[tuple[int, int], list[int]], sheet: Sheet) -> None:
    """Each cell once, finite, inside the dimensions that the sheet declares."""
    cell = sheet.rows * _MAX_COLUMNS + sheet.columns
    both = [row for row, column in sheet.texts if _holds(cell, row * _MAX_COLUMNS + column)]
    same = np.flatnonzero(np.diff(cell) == 0)
    if both or len(same):
        row = both[0] if both else int(sheet.rows[same[0]])
        raise ReadError(path, "each cell once", "one twice", _AGAIN, f"row {row + 1}")
    if not np.isfinite(sheet.values).all():
        row = int(sheet.rows[np.argmin(np.isfinite(sheet.values))])
        raise ReadError(path, "finite numbers", "another", _AGAIN, f"row {row + 1}")
    last_row = max([int(sheet.rows[-1]) if len(cell) else -1, *(row for row, _ in sheet.texts)])
    last_column = max([int(sheet.columns.max()) if len(cell) else -1, *(column for _, column in sheet.texts)])
    declared = [struct.unpack_from("<4xI2xH", stream, at[0]) for key, at in places.items() if key == (_DIMENSIONS, 14)]
    rows, columns = declared[0] if declared else (0, 0)
    if last_row >= rows or last_column >= columns or rows > _MAX_ROWS or columns > _MAX_COLUMNS:
        found = f"{last_row + 1} rows and {last_column + 1} columns"
        raise ReadError(path, f"a sheet of {rows} rows and {columns} columns", found, _AGAIN)


def _holds(cell: Array, wanted: int) -> bool:
    at = int(np.searchsorted(cell, wanted))
    return at < len(cell) and int(cell[at]) == wanted
