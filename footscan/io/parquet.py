"""Our own ``.parquet`` of a recording: everything that a ``Recording`` holds, for data frames and for us.

A row is a frame. ``part`` or ``channel`` says of what (numbers from 1, 0 for the other), ``time_s`` when; ``values``
are a frame's cells (float32) and ``valid`` which of them count (empty where all do), ``numbers`` a channel's (float64).
The file's metadata hold under ``plantar`` one JSON object: what ``plantar_csv`` has in its header, with the layouts.
Nothing is lost but what stands under a missing cell, which reads as 0. The same recording gives the same bytes.

Between the data and the footer, where readers of Parquet never look, stands a seal: the SHA-256 of all other bytes.
Files whose seal is missing or broken are refused before the Arrow library sees them; what they may unpack to is
limited. Needs the extra ``lab`` (pyarrow).
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes, write_bytes_atomic
from footscan.io.recording_header import (
    about_channel,
    about_part,
    about_recording,
    check_writable,
    from_json,
    part_of,
    recording_of,
    to_json,
)
from footscan.io.text import show
from footscan.types import SIDES, Array, Channel, PressureRecording, Recording, SensorLayout

NAME = "plantar-parquet"
SUFFIXES = (".parquet",)
WRITABLE = True

MAX_RATIO = 100  #: of what a file unpacks to, above ``_FREE_BYTES``; the writer packs less where it must
_FREE_BYTES = 64 * 1024**2
_MAGIC = b"PAR1"
_SEAL = b"plantar1"
_SEAL_BYTES = len(_SEAL) + 32
_KEY = b"plantar"
_BAD = (OSError, TypeError, ValueError, LookupError, ArithmeticError, RecursionError)
_BYTES_A_GROUP = 1 << 27
_AGAIN = "write it again with plantar"


def sniff(head: bytes, size: int) -> bool:
    """The beginning of a Parquet file."""
    return head.startswith(_MAGIC)


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError("Parquet files need pyarrow: pip install 'plantar[lab]'") from error
    return pyarrow


# ------------------------------------------------------------------ writing


def write(path: PathLike, recording: Recording) -> None:
    """Write a recording of any kind, whole or not at all. ImportError that says what to install where pyarrow is
    missing; ValueError for values that are not finite and not masked."""
    pa = _arrow()
    check_writable(recording)
    table, header = _table(pa, recording), _header(recording)
    data = _packed(pa, table, header, packed=True)
    if table.nbytes > max(_FREE_BYTES, MAX_RATIO * len(data)):
        data = _packed(pa, table, header, packed=False)  # so even that our own reader takes it
    write_bytes_atomic(path, _sealed(data))


def _schema(pa: Any) -> Any:
    """The columns; nothing may be null."""

    def one(name: str, kind: Any) -> Any:
        return pa.field(name, kind, nullable=False)

    def many(name: str, kind: Any) -> Any:
        return one(name, pa.list_(one("element", kind)))

    numbers = [one("part", pa.int32()), one("channel", pa.int32()), one("time_s", pa.float64())]
    lists = [many("values", pa.float32()), many("valid", pa.bool_()), many("numbers", pa.float64())]
    return pa.schema([*numbers, *lists])


def _table(pa: Any, recording: Recording) -> Any:
    """Parts first, then channels, frames in order."""
    parts, channels = recording.pressure, recording.channels
    every = [part.time_s for part in parts] + [channel.time_s for channel in channels]
    frames = [len(times) for times in every]
    numbers = [*range(1, len(parts) + 1), *[0] * len(channels)]
    others = [*[0] * len(parts), *range(1, len(channels) + 1)]
    framed, timed = sum(frames[: len(parts)]), sum(frames[len(parts) :])
    shown = [p.values if p.valid is None else np.where(p.valid, p.values, np.float32(0)) for p in parts]
    masks = [np.empty((len(p.time_s), 0), np.bool_) if p.valid is None else p.valid for p in parts]
    schema = _schema(pa)
    columns = [
        pa.array(np.repeat(np.array(numbers, np.int32), frames)),
        pa.array(np.repeat(np.array(others, np.int32), frames)),
        pa.array(np.concatenate([np.empty(0), *every])),
        _lists(pa, schema.field("values").type, shown, 0, timed),
        _lists(pa, schema.field("valid").type, masks, 0, timed),
        _lists(pa, schema.field("numbers").type, [c.values for c in channels], framed, 0),
    ]
    return pa.table(columns, schema=schema)


def _lists(pa: Any, kind: Any, blocks: list[Array], empty_before: int, empty_after: int) -> Any:
    """One list a row of each block (rows, columns), with empty lists before and after."""
    sizes = [np.zeros(empty_before), *(np.full(len(b), b.shape[1]) for b in blocks), np.zeros(empty_after)]
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(sizes))])
    if offsets[-1] >= 2**31:
        raise ValueError(f"a Parquet file of ours holds up to 2^31 values, this recording has {int(offsets[-1])}")
    flat = np.concatenate([b.ravel() for b in blocks]) if blocks else np.empty(0)
    items = pa.array(flat, type=kind.value_type)
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), items, type=kind)


def _header(recording: Recording) -> bytes:
    parts = [{**about_part(k, p), **_layout_numbers(p.layout)} for k, p in enumerate(recording.pressure, 1)]
    channels = [about_channel(k, c) for k, c in enumerate(recording.channels, 1)]
    header = {"plantar": 1, **about_recording(recording), "parts": parts, "channels": channels}
    return to_json(header).encode()


def _layout_numbers(layout: SensorLayout) -> dict[str, Any]:
    arrays = {
        "xy_mm": layout.xy_mm,
        "area_mm2": layout.area_mm2,
        "corners_mm": layout.corners_mm,
        "index": layout.index,
    }
    return {name: None if array is None else array.tolist() for name, array in arrays.items()}


def _packed(pa: Any, table: Any, header: bytes, packed: bool) -> bytes:
    sink = pa.BufferOutputStream()
    rows = max(1, _BYTES_A_GROUP * max(1, len(table)) // max(1, table.nbytes))
    with pa.parquet.ParquetWriter(
        sink,
        table.schema,
        compression="zstd" if packed else "none",
        use_dictionary=packed,
        write_statistics=False,
        store_schema=False,
    ) as writer:
        writer.write_table(table, row_group_size=rows)
        writer.add_key_value_metadata({_KEY: header})
    return bytes(sink.getvalue())


def _sealed(data: bytes) -> bytes:
    at = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    return b"".join([data[:at], _SEAL, hashlib.sha256(data).digest(), data[at:]])


# ------------------------------------------------------------------ reading


def read(path: PathLike) -> Recording:
    """Read back what ``write`` wrote: equal records.

    Raises
    ------
    ReadError : no Parquet file, one that another program wrote or that was changed, one that unpacks to too much
    ImportError : pyarrow is missing; says what to install
    """
    data = _unsealed(path, read_bytes(path))
    pa = _arrow()
    try:
        file = pa.parquet.ParquetFile(pa.BufferReader(data))
        _check_declared(path, pa, file, len(data))
        header = from_json((file.metadata.metadata or {}).get(_KEY, b"null"))
        if not isinstance(header, dict) or header.get("plantar") != 1:
            raise ReadError(path, "a recording of version 1", show(header), _AGAIN)
        return _recording(header, file.read(use_threads=False).combine_chunks())
    except ReadError:
        raise
    except (*_BAD, pa.ArrowException) as error:
        raise ReadError(path, "a recording as plantar writes it", show(str(error)), _AGAIN) from error


def _unsealed(path: PathLike, data: bytes) -> bytes:
    """The file without its seal, which must fit; ReadError otherwise. No library has looked at it yet."""
    if not data.startswith(_MAGIC) or len(data) < 12 + _SEAL_BYTES:
        raise ReadError(path, "a Parquet file", show(data[:16]), _AGAIN)
    if not data.endswith(_MAGIC):
        raise ReadError(path, "PAR1 at the end", show(data[-8:]), "the file is cut off: copy it again")
    at = len(data) - 8 - int.from_bytes(data[-8:-4], "little") - _SEAL_BYTES
    if at < 4 or data[at : at + len(_SEAL)] != _SEAL:
        raise ReadError(path, "a Parquet file that plantar wrote", "no seal of ours", _AGAIN)
    rest = data[:at] + data[at + _SEAL_BYTES :]
    if hashlib.sha256(rest).digest() != data[at + len(_SEAL) : at + _SEAL_BYTES]:
        raise ReadError(path, "the bytes that were written", "others", "the file is damaged: copy it or write it again")
    return rest


def _check_declared(path: PathLike, pa: Any, file: Any, size: int) -> None:
    """The columns must be ours and may not unpack to more than ``MAX_RATIO`` times the file."""
    if not file.schema_arrow.remove_metadata().equals(_schema(pa)):
        raise ReadError(path, "the columns that plantar writes", show(", ".join(file.schema_arrow.names)), _AGAIN)
    found = file.metadata
    groups = [found.row_group(k) for k in range(found.num_row_groups)]
    chunks = [group.column(k) for group in groups for k in range(found.num_columns)]
    counts = [found.num_rows, *(chunk.num_values for chunk in chunks)]
    unpacked = sum(8 * chunk.num_values + chunk.total_uncompressed_size for chunk in chunks)
    if min(counts) < 0 or unpacked > 4 * max(_FREE_BYTES, MAX_RATIO * size):
        expected = f"at most {MAX_RATIO} times its {size} bytes"
        raise ReadError(path, expected, f"{unpacked} bytes unpacked", _AGAIN)


def _recording(header: dict[str, Any], table: Any) -> Recording:
    """The records; ValueError and the like where the table is not what the header says."""
    rows = _Rows(table)
    parts = tuple(_part(about, rows, number) for number, about in enumerate(header["parts"], 1))
    channels = tuple(_channel(about, rows, number) for number, about in enumerate(header["channels"], 1))
    if rows.at != len(table):
        raise ValueError(f"{len(table)} rows, {rows.at} of them named in the header")
    return recording_of(header, parts, channels)


class _Rows:
    """A cursor over the rows of a table."""

    def __init__(self, table: Any) -> None:
        self.at = 0
        self.time_s = np.asarray(table["time_s"].to_numpy(), np.float64)
        self.of = np.column_stack([table["part"].to_numpy(), table["channel"].to_numpy()])
        self.lists = {name: _flat(table[name]) for name in ("values", "valid", "numbers")}

    def take(self, frames: Any, part: int, channel: int, **columns: Any) -> tuple[Array, list[Array]]:
        """Times (frames,) and, for each named column, (frames, columns) of the next rows, which must be theirs."""
        if not all(isinstance(n, int) and n >= 0 for n in (frames, *columns.values())):
            raise ValueError(f"counts {show((frames, *columns.values()))}")
        rows = slice(self.at, self.at + frames)
        if rows.stop > len(self.time_s) or (self.of[rows] != (part, channel)).any():
            raise ValueError(f"not {frames} rows of part {part}, channel {channel}")
        self.at = rows.stop
        found = []
        for name, (flat, offsets) in self.lists.items():
            wide = columns.get(name, 0)
            own = offsets[rows.start : rows.stop + 1]
            if (np.diff(own) != wide).any():
                raise ValueError(f"not {wide} {name} in every row of part {part}, channel {channel}")
            if name in columns:
                found.append(flat[own[0] : own[0] + frames * wide].reshape(frames, wide))
        return self.time_s[rows], found


def _flat(column: Any) -> tuple[Array, Array]:
    """All items of a column of lists, and where each row's begin."""
    if not column.num_chunks:
        return np.empty(0, np.bool_), np.zeros(1, np.int64)
    lists = column.chunk(0)
    if lists.null_count or lists.values.null_count:
        raise ValueError("empty places")
    return lists.values.to_numpy(zero_copy_only=False), lists.offsets.to_numpy()


def _part(about: dict[str, Any], rows: _Rows, number: int) -> PressureRecording:
    cells = about["cells"]
    wide = {"values": cells, "valid": cells if about["masked"] else 0}
    time_s, (values, valid) = rows.take(about["frames"], number, 0, **wide)
    if not np.isfinite(values).all():
        raise ValueError("values that are not finite")
    area, corners, shape, index = (about[name] for name in ("area_mm2", "corners_mm", "shape", "index"))
    layout = SensorLayout(
        np.array(about["xy_mm"], np.float64).reshape(cells, 2),
        area_mm2=None if area is None else np.array(area, np.float64),
        corners_mm=None if corners is None else np.array(corners, np.float64).reshape(cells, -1, 2),
        frame=about["frame"],
        shape=None if shape is None else (int(shape[0]), int(shape[1])),
        index=None if index is None else np.array(index, np.int64),
        positions=about["positions"],
    )
    return part_of(about, layout, time_s, values, valid if about["masked"] else None)


def _channel(about: dict[str, Any], rows: _Rows, number: int) -> Channel:
    time_s, (values,) = rows.take(about["frames"], 0, number, numbers=about["columns"])
    name, unit, side = about["name"], about["unit"], about["side"]
    if not (isinstance(name, str) and isinstance(unit, str) and side in SIDES):
        raise ValueError(f"channel {show((name, unit, side))}")
    if not np.isfinite(time_s).all() or np.isinf(values).any():
        raise ValueError(f"times or values of the channel {show(name)} that are not finite")
    return Channel(name, unit, time_s, values, side)
