"""Zip archives from outside: members within limits, nothing unpacked before the limits were checked."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping

from footscan.errors import ReadError
from footscan.io.files import PathLike
from footscan.io.text import show
from footscan.io.validate import DAMAGED

MAX_UNPACKED_BYTES = 512 * 1024**2  #: of all members together
MAX_RATIO = 100  #: unpacked to packed
MAX_MEMBERS = 100
SIGNATURE = b"PK\x03\x04"
ZIP_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, OSError, ValueError)
NO_ZIP = (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, IndexError, OverflowError)
FREE_BYTES = 64 * 1024**2  #: up to here the ratio does not matter: empty plates pack well


def first_member(head: bytes) -> str:
    """The name of a zip's first member, from the first bytes of the file; "" if that is no zip."""
    if not head.startswith(SIGNATURE) or len(head) < 30:
        return ""
    length = int.from_bytes(head[26:28], "little")
    return head[30 : 30 + length].decode("utf-8", "replace")


def unpack(path: PathLike, data: bytes, suffix: str) -> Mapping[str, bytes]:
    """The members whose names end with ``suffix``, by name; folders and others are left alone.

    Raises
    ------
    ReadError : no zip, more than ``MAX_MEMBERS`` members, ``MAX_UNPACKED_BYTES`` or, above ``FREE_BYTES``,
        ``MAX_RATIO``, two of a name, members that are encrypted, packed otherwise than by deflate, damaged, or none of
        that suffix
    """
    try:
        package = zipfile.ZipFile(io.BytesIO(data))
        members = package.infolist()
    except NO_ZIP as error:
        raise ReadError(path, "a zip archive", show(str(error)), DAMAGED) from error
    total = sum(member.file_size for member in members)
    limit = min(MAX_UNPACKED_BYTES, max(FREE_BYTES, MAX_RATIO * len(data)))
    if len(members) > MAX_MEMBERS or total > limit:
        expected = f"at most {MAX_MEMBERS} members, {MAX_UNPACKED_BYTES} bytes and {MAX_RATIO} times the packed size"
        raise ReadError(path, expected, f"{len(members)} members, {total} bytes in {len(data)}", "take a shorter part")
    wanted = [member for member in members if member.filename.lower().endswith(suffix)]
    if not wanted or len({member.filename for member in wanted}) != len(wanted):
        found = show(", ".join(member.filename for member in members))
        raise ReadError(path, f"members *{suffix}, each once", found, "this is another archive")
    return {member.filename: _member(path, package, member) for member in wanted}


def _member(path: PathLike, package: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        raise ReadError(path, "plain or deflated members", show(member.filename), "pack it again")
    try:
        with package.open(member) as stream:
            data = stream.read(member.file_size + 1)
    except ZIP_DAMAGE as error:
        raise ReadError(path, f"a whole member {show(member.filename)}", show(str(error)), DAMAGED) from error
    if len(data) != member.file_size:
        raise ReadError(path, f"{member.file_size} bytes in {show(member.filename)}", str(len(data)), DAMAGED)
    return data
