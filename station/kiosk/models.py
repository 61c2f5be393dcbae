"""GLBs for a screen: positions in whole steps of 0.0125 mm, normals in whole steps too (KHR_mesh_quantization): a third
of the bytes, and nobody sees the difference."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from footscan.meshes import vertex_normals
from footscan.types import Array, Mesh

STEP_MM = 0.0125  #: 16 bits reach 409 mm to each side
#: millimetres and z up to glTF's metres and y up, column by column
Y_UP_METRES = np.array([0.001, 0, 0, 0, 0, 0, -0.001, 0, 0, 0.001, 0, 0, 0, 0, 0, 1.0])
BYTE, SHORT, UINT16, UINT32, VERTICES, INDICES = 5120, 5122, 5123, 5125, 34962, 34963
HEAD = struct.Struct("<4sIII4s")


def small_glb(vertices: Array, normals: Array, faces: Array, name: str, colour: tuple[float, ...]) -> bytes:
    """Vertices (n, 3) mm in the foot frame with unit normals (n, 3), faces (m, 3), linear RGB, as glTF 2.0 binary."""
    position = np.zeros((len(vertices), 4), "<i2")  # the fourth fills up to a multiple of four bytes
    position[:, :3] = np.rint(vertices / STEP_MM)
    normal = np.zeros((len(normals), 4), np.int8)
    normal[:, :3] = np.rint(normals * 127.0)
    index = faces.astype("<u2" if len(vertices) < 2**16 else "<u4").ravel()
    parts = [position.tobytes(), normal.tobytes(), index.tobytes()]
    starts = np.concatenate([[0], np.cumsum([len(part) + -len(part) % 4 for part in parts])]).tolist()
    box = {"min": position[:, :3].min(axis=0).tolist(), "max": position[:, :3].max(axis=0).tolist()}
    wide: list[dict[str, Any]] = [{"byteStride": 8, "target": VERTICES}, {"byteStride": 4, "target": VERTICES}]
    kind = UINT16 if index.itemsize == 2 else UINT32
    matrix = Y_UP_METRES * np.repeat([STEP_MM, STEP_MM, STEP_MM, 1.0], 4)
    document = {
        "asset": {"version": "2.0", "generator": "plantar"},
        "extensionsUsed": ["KHR_mesh_quantization"],
        "extensionsRequired": ["KHR_mesh_quantization"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": name, "matrix": matrix.tolist()}],
        "meshes": [
            {"name": name, "primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2, "material": 0}]}
        ],
        "materials": [
            {
                "name": "measured",
                "pbrMetallicRoughness": {"baseColorFactor": [*colour, 1], "metallicFactor": 0, "roughnessFactor": 0.7},
            }
        ],
        "accessors": [
            {"bufferView": 0, "componentType": SHORT, "count": len(position), "type": "VEC3", **box},
            {"bufferView": 1, "componentType": BYTE, "normalized": True, "count": len(normal), "type": "VEC3"},
            {"bufferView": 2, "componentType": kind, "count": len(index), "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": len(part), **more}
            for start, part, more in zip(starts, parts, [*wide, {"target": INDICES}])
        ],
        "buffers": [{"byteLength": starts[-1]}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary = b"".join(part + b"\0" * (-len(part) % 4) for part in parts)
    head = HEAD.pack(b"glTF", 2, HEAD.size + len(text) + 8 + len(binary), len(text), b"JSON")
    return head + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary


def skin_glb(mesh: Mesh) -> bytes:
    """Of a foot."""
    return small_glb(mesh.vertices, vertex_normals(mesh), mesh.faces, "foot", (0.62, 0.44, 0.34))


def smaller(glb: bytes) -> bytes:
    """An insole's GLB (`insole.glb_bytes`) in fewer bytes: its own vertices, normals and faces."""
    long = HEAD.unpack_from(glb)[3]
    document = json.loads(glb[HEAD.size : HEAD.size + long])
    binary = memoryview(glb)[HEAD.size + long + 8 :]
    views, accessors = document["bufferViews"], document["accessors"]

    def array(number: int, kind: str) -> Array:
        view = views[accessors[number]["bufferView"]]
        return np.frombuffer(binary, kind, view["byteLength"] // 4, view["byteOffset"]).reshape(-1, 3)

    (primitive,) = document["meshes"][0]["primitives"]
    where = primitive["attributes"]
    colour = document["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"][:3]
    vertices, normals = (array(where[key], "<f4").astype(np.float64) for key in ("POSITION", "NORMAL"))
    return small_glb(vertices, normals, array(primitive["indices"], "<u4"), "insole", tuple(colour))
