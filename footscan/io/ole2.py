"""OLE2 compound files ([MS-CFB]): one stream out of the little file system that old Office files are.

512 bytes of header, then sectors of 512 (version 3) or 4096 bytes (version 4). The file allocation table (FAT) says for
each sector which one follows; the sectors of the table itself are listed in the header (109 of them) and, beyond that,
in a chain of their own. The directory is a chain of entries of 128 bytes: name in UTF-16, kind, first sector, size.
Streams below 4096 bytes lie elsewhere (in the "mini stream"): those are not read.

Every number is held against the size of the file before it is used, and no sector is taken twice.
"""

from __future__ import annotations

import struct

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike
from footscan.types import Array

MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")

_HEADER_BYTES = 512
_ENTRY_BYTES = 128
_IN_HEADER = 109  # sectors of the table that the header lists
_LARGEST_SECTOR = 0xFFFFFFFA  # above it: markers
_END, _UNUSED = 0xFFFFFFFE, 0xFFFFFFFF
_STREAM = 2  # kind of a directory entry
_SMALLEST_STREAM = 4096
_AGAIN = "the file is damaged or cut off: copy or export it again"


def read_stream(path: PathLike, data: bytes, name: str) -> bytes:
    """The bytes of the stream ``name`` of a compound file.

    Raises
    ------
    ReadError : no compound file, no such stream, a stream below 4096 bytes, sectors that are not there or used twice
    """
    sectors = _Sectors(path, data)
    for number, (found, kind, start, size) in enumerate(sectors.directory()):
        if found.lower() == name.lower() and kind == _STREAM:
            return sectors.chain(start, size, f"directory entry {number}")
    raise ReadError(path, f"a stream {name!r} in the compound file", "none", "export it again as an Excel 97 workbook")


class _Sectors:
    """The sectors of a compound file and the table that links them."""

    def __init__(self, path: PathLike, data: bytes) -> None:
        self.path, self.data = path, data
        if len(data) < _HEADER_BYTES or not data.startswith(MAGIC):
            raise ReadError(path, "an OLE2 compound file", repr(data[:8]), "this is another kind of file", "byte 0")
        version, order, shift = struct.unpack_from("<HHH", data, 26)
        if (version, shift) not in ((3, 9), (4, 12)) or order != 0xFFFE:
            found = f"version {version}, sectors of 2^{shift} bytes"
            raise ReadError(path, "version 3 or 4 of the compound file format", found, _AGAIN, "byte 26")
        self.version, self.size = version, 1 << shift
        self.count = max(0, len(data) - 1) // self.size  # the header fills the first; the last may be cut short
        self.first_of_directory = struct.unpack_from("<I", data, 48)[0]
        self.table = self._table()

    def directory(self) -> list[tuple[str, int, int, int]]:
        """Name, kind, first sector and size of every entry."""
        entries = []
        whole = self.chain(self.first_of_directory, None, "the directory")
        for at in range(0, len(whole) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
            length, kind = struct.unpack_from("<HB", whole, at + 64)
            start, low, high = struct.unpack_from("<III", whole, at + 116)
            name = whole[at : at + max(0, min(length, 64) - 2)].decode("utf-16-le", "replace")
            entries.append((name, kind, start, low if self.version == 3 else low + (high << 32)))
        return entries

    def chain(self, start: int, size: int | None, where: str) -> bytes:
        """The bytes of a chain of sectors; ``size`` None: to its end."""
        if size is not None and not _SMALLEST_STREAM <= size <= len(self.data):
            expected = f"a stream of {_SMALLEST_STREAM} to {len(self.data)} bytes"
            raise ReadError(self.path, expected, f"{size} bytes", _AGAIN, where)
        wanted = None if size is None else -(-size // self.size)
        numbers: list[int] = []
        seen = bytearray(self.count)
        sector = start
        while sector != _END and (wanted is None or len(numbers) < wanted):
            if sector >= self.count or seen[sector]:
                what = "used twice" if sector < self.count else f"of {self.count}"
                raise ReadError(self.path, "a chain of sectors", f"sector {sector} {what}", _AGAIN, where)
            seen[sector] = 1
            numbers.append(sector)
            sector = int(self.table[sector]) if sector < len(self.table) else _UNUSED
        data, step = self.data, self.size
        whole = b"".join([data[(n + 1) * step : (n + 2) * step] for n in numbers])
        if size is not None and len(whole) < size:
            raise ReadError(self.path, f"{size} bytes", f"{len(whole)} bytes", _AGAIN, where)
        return whole if size is None else whole[:size]

    def _table(self) -> Array:
        """The FAT as one array (entries,) uint32."""
        count, extra = struct.unpack_from("<I20xI", self.data, 44)
        if not 0 < count <= self.count:
            expected = f"an allocation table of 1 to {self.count} sectors"
            raise ReadError(self.path, expected, f"{count} sectors", _AGAIN, "byte 44")
        listed = list(struct.unpack_from(f"<{_IN_HEADER}I", self.data, 76))
        visited: set[int] = set()
        while len(listed) < count and extra < _LARGEST_SECTOR:
            words = self._words(extra, "the list of the allocation table")
            if extra in visited:
                raise ReadError(self.path, "a chain of sectors", f"sector {extra} used twice", _AGAIN, "byte 68")
            visited.add(extra)
            listed += words[:-1].tolist()
            extra = int(words[-1])
        if len(listed) < count or len(set(listed[:count])) != count:
            found = "some missing" if len(listed) < count else "one twice"
            raise ReadError(self.path, f"{count} sectors of the allocation table", found, _AGAIN, "byte 76")
        return np.concatenate([self._words(number, "the allocation table") for number in listed[:count]])

    def _words(self, number: int, where: str) -> Array:
        """A whole sector as uint32."""
        start = (number + 1) * self.size
        if start + self.size > len(self.data):
            raise ReadError(self.path, f"sectors up to {self.count - 1}", f"sector {number}", _AGAIN, where)
        return np.frombuffer(self.data, "<u4", self.size // 4, start)
