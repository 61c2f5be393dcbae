"""The font with Chinese letters for PDFs, which `web/` builds and the wheel holds; a checkout without npm has none."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

#: Noto Sans SC, regular whole and semibold of daily letters
FOLDER = Path(__file__).parent / "kiosk" / "static" / "build" / "print"
FAMILY = "Noto Sans SC"
REGULAR = "NotoSansSC_400Regular.ttf"


def chinese() -> Path | None:
    """The folder with the font; None where it was not built."""
    return FOLDER if (FOLDER / REGULAR).is_file() else None


@cache
def letters(folder: Path) -> frozenset[int]:
    """Code points that the regular font of a folder has a shape for: its ``cmap``, OpenType 1.9, formats 4 and 12."""
    data = (folder / REGULAR).read_bytes()
    tables = struct.unpack_from(">H", data, 4)[0]
    for k in range(tables):
        tag, _, start, _ = struct.unpack_from(">4s3I", data, 12 + 16 * k)
        if tag == b"cmap":
            return frozenset().union(*(_mapped(data, start + offset) for offset in _offsets(data, start)))
    return frozenset()


def _offsets(data: bytes, start: int) -> list[int]:
    """Of the subtables in Unicode."""
    count = struct.unpack_from(">H", data, start + 2)[0]
    found = [struct.unpack_from(">HHI", data, start + 4 + 8 * k) for k in range(count)]
    return [offset for platform, encoding, offset in found if platform == 0 or (platform == 3 and encoding in (1, 10))]


def _mapped(data: bytes, at: int) -> set[int]:
    kind = struct.unpack_from(">H", data, at)[0]
    if kind == 12:
        groups = struct.unpack_from(">I", data, at + 12)[0]
        spans = (struct.unpack_from(">3I", data, at + 16 + 12 * k) for k in range(groups))
        return {code for first, last, glyph in spans for code in range(first, last + 1) if glyph + code - first}
    if kind != 4:
        return set()
    twice = struct.unpack_from(">H", data, at + 6)[0]
    ends = struct.unpack_from(f">{twice // 2}H", data, at + 14)
    starts = struct.unpack_from(f">{twice // 2}H", data, at + 16 + twice)
    # the last segment is 0xFFFF, which is no letter; that a segment's own table may map to no glyph is left open: such
    # fonts say it in format 12 too
    return {code for first, last in zip(starts, ends) if last != 0xFFFF for code in range(first, last + 1)}
