"""What a glTF file is made of: the JSON document, its buffers, arrays out of its accessors.

Strict: every index, type and range is checked before an array is made of it. The Khronos glTF 2.0 specification
(ISO/IEC 12113:2022) is the source; sparse accessors and compressed geometry are refused by name.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from typing import Any
from urllib.parse import unquote

import numpy as np

from footscan.errors import ReadError
from footscan.io.files import PathLike, read_bytes
from footscan.io.text import show
from footscan.io.validate import DAMAGED
from footscan.types import Array

MAX_JSON_BYTES = 256 * 1024**2
GLB_MAGIC, JSON_CHUNK, BIN_CHUNK = b"glTF", b"JSON", b"BIN\0"

_COMPONENTS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
#: extensions that change how a surface looks, not where it is (the quantised coordinates are read as they are)
_HARMLESS = ("KHR_materials_", "KHR_texture_", "KHR_lights_", "KHR_mesh_quantization", "EXT_texture_", "KHR_xmp")


class Document:
    """The parsed file; everything that is taken out of it is checked."""

    def __init__(self, path: PathLike) -> None:
        self.path = path
        data = read_bytes(path)
        self.size = len(data)
        if data.startswith(GLB_MAGIC):
            text, self.binary = _split_glb(path, data)
        else:
            text, self.binary = data, None
        self.root = _parse_json(path, text)
        self._check_asset()
        self._buffers: dict[int, bytes] = {}

    def _check_asset(self) -> None:
        version = self.table(self.root, "asset", "the document").get("version")
        if version not in ("2.0", "2.1"):
            raise self.error("glTF version 2.0", show(version), "asset", "export it again as glTF 2.0")
        for name in self.entries(self.root, "extensionsRequired", "the document"):
            if not (isinstance(name, str) and name.startswith(_HARMLESS)):
                hint = "export it without compression (Draco, meshopt)"
                raise self.error("plain geometry", f"the extension {show(name)}", "extensionsRequired", hint)

    # ------------------------------------------------------------------ checked access

    def error(self, expected: str, found: str, place: str, hint: str = DAMAGED) -> ReadError:
        """A ReadError at a place in the document."""
        return ReadError(self.path, expected, found, hint, place)

    def table(self, parent: dict[str, Any], key: str, place: str) -> dict[str, Any]:
        """An object; empty if it is not there."""
        value = parent.get(key, {})
        if not isinstance(value, dict):
            raise self.error(f"an object {key}", type(value).__name__, place)
        return value

    def entries(self, parent: dict[str, Any], key: str, place: str) -> list[Any]:
        """An array; empty if it is not there."""
        value = parent.get(key, [])
        if not isinstance(value, list):
            raise self.error(f"an array {key}", type(value).__name__, place)
        return value

    def item(self, kind: str, index: object) -> dict[str, Any]:
        """Object ``index`` of the document's array ``kind``."""
        items = self.entries(self.root, kind, "the document")
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(items):
            raise self.error(f"an index below {len(items)}", show(index), kind)
        if not isinstance(items[index], dict):
            raise self.error("an object", type(items[index]).__name__, f"{kind}[{index}]")
        return dict(items[index])

    def whole(self, parent: dict[str, Any], key: str, place: str, default: int | None = None) -> int:
        """A whole number that is not negative."""
        value = parent.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
            raise self.error(f"a whole number {key}", show(value), place)
        return value

    def numbers(self, parent: dict[str, Any], key: str, count: int, place: str) -> Array | None:
        """``count`` finite numbers, or None if they are not there."""
        value = parent.get(key)
        if value is None:
            return None
        fine = isinstance(value, list) and len(value) == count
        fine = fine and all(isinstance(x, int | float) and not isinstance(x, bool) and abs(x) < 1e30 for x in value)
        if not fine:
            raise self.error(f"{count} finite numbers {key}", show(value), place)
        return np.array(value, dtype=np.float64)

    # ------------------------------------------------------------------ arrays

    def array(self, index: object, widths: tuple[str, ...], components: tuple[int, ...]) -> Array:
        """Accessor ``index`` as (count, width); its type and component type must be among those given."""
        place = f"accessors[{index}]"
        accessor = self.item("accessors", index)
        if "sparse" in accessor or "bufferView" not in accessor:
            hint = "export it with plain accessors, without compression"
            raise self.error("an accessor with a buffer view", "a sparse or empty one", place, hint)
        width, component = accessor.get("type"), accessor.get("componentType")
        if width not in widths or component not in components or isinstance(component, bool):
            found = show(f"{width} of {component}")
            raise self.error(f"{' or '.join(widths)} of component type {components}", found, place)
        kind = np.dtype(_COMPONENTS[component])
        view = self.item("bufferViews", accessor["bufferView"])
        buffer = self._buffer(view.get("buffer"))
        count = self.whole(accessor, "count", place)
        element = kind.itemsize * _WIDTHS[width]
        stride = self.whole(view, "byteStride", place, element)
        start = self.whole(view, "byteOffset", place, 0)
        stop = start + self.whole(view, "byteLength", place)
        offset = start + self.whole(accessor, "byteOffset", place, 0)
        if stride < element:
            raise self.error(f"a byteStride of at least {element}", str(stride), place)
        needed = offset + stride * (count - 1) + element if count else offset
        if stop > len(buffer) or needed > stop:
            found = f"a view that ends at {stop} in a buffer of {len(buffer)}"
            raise self.error(f"{count} elements up to byte {needed}", found, place)
        raw = np.ndarray((count, _WIDTHS[width]), kind, buffer, offset, (stride, kind.itemsize)) if count else None
        if raw is None:
            return np.empty((0, _WIDTHS[width]))
        if accessor.get("normalized") is True and kind.kind in "iu":
            return np.maximum(raw / np.iinfo(kind).max, -1.0)
        return raw

    def _buffer(self, index: object) -> bytes:
        buffer = self.item("buffers", index)
        number = int(str(index))
        if number not in self._buffers:
            place = f"buffers[{number}]"
            data = self._buffer_bytes(buffer, number, place)
            length = self.whole(buffer, "byteLength", place)
            if len(data) < length:
                raise self.error(f"{length} bytes", str(len(data)), place)
            self._buffers[number] = data[:length] if len(data) > length else data
        return self._buffers[number]

    def _buffer_bytes(self, buffer: dict[str, Any], number: int, place: str) -> bytes:
        """The binary chunk, a data URI, or a file in the same folder: nothing else is ever opened."""
        uri = buffer.get("uri")
        if uri is None and number == 0 and self.binary is not None:
            return self.binary
        if not isinstance(uri, str):
            raise self.error("a data URI or a file name", show(uri), place)
        if uri.startswith("data:"):
            head, _, text = uri.partition(",")
            try:
                if not head.endswith(";base64"):
                    raise binascii.Error("not base64")
                return base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError) as error:
                raise self.error("base64 data", str(error), place) from error
        name = unquote(uri)
        folder = os.path.realpath(os.path.dirname(os.path.abspath(os.fspath(self.path))))
        if "\0" in name or os.path.basename(name) != name or ":" in name or "\\" in name or name in ("", ".", ".."):
            hint = "put the buffer beside the file, or export GLB"
            raise self.error("a file in the same folder", show(uri), place, hint)
        target = os.path.realpath(os.path.join(folder, name))
        if os.path.dirname(target) != folder:
            raise self.error("a file in the same folder", "a link out of it", place, "export GLB")
        return read_bytes(target)


def _split_glb(path: PathLike, data: bytes) -> tuple[bytes, bytes | None]:
    """The JSON chunk and the binary chunk, if there is one."""
    version, length = (int.from_bytes(data[at : at + 4], "little") for at in (4, 8))
    if len(data) < 20 or version != 2 or length != len(data):
        found = f"version {version}, {length} bytes announced, {len(data)} there"
        raise ReadError(path, "GLB version 2 of the announced length", found, DAMAGED, "byte 4")
    chunks: dict[bytes, bytes] = {}
    at = 12
    while at < len(data):
        size, kind = int.from_bytes(data[at : at + 4], "little"), data[at + 4 : at + 8]
        if at + 8 + size > len(data):
            raise ReadError(path, f"a chunk of {size} bytes", f"{len(data) - at - 8} bytes", DAMAGED, f"byte {at}")
        chunks.setdefault(kind, data[at + 8 : at + 8 + size])
        at += 8 + size
    if data[16:20] != JSON_CHUNK:
        raise ReadError(path, "a JSON chunk first", show(data[16:20]), DAMAGED, "byte 16")
    return chunks[JSON_CHUNK], chunks.get(BIN_CHUNK)


def _parse_json(path: PathLike, text: bytes) -> dict[str, Any]:
    if len(text) > MAX_JSON_BYTES:
        raise ReadError(path, f"at most {MAX_JSON_BYTES} bytes of JSON", str(len(text)), "export GLB")
    try:
        root = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        found = "brackets nested too deep" if isinstance(error, RecursionError) else str(error)[:120]
        raise ReadError(path, "JSON", found, DAMAGED, "the document") from error
    if not isinstance(root, dict):
        raise ReadError(path, "a JSON object", type(root).__name__, DAMAGED, "the document")
    return root
