"""A GLB of a surface in two colours: what was measured, and what was invented to close it."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from footscan.meshes import vertex_normals
from footscan.types import Array, Mesh

SKIN = (0.62, 0.44, 0.34, 1.0)  #: linear RGBA
INVENTED = (0.13, 0.32, 0.52, 1.0)
#: millimetres and z up to glTF's metres and y up, column by column
Y_UP_METRES = (0.001, 0.0, 0.0, 0.0, 0.0, 0.0, -0.001, 0.0, 0.0, 0.001, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
FLOAT, UINT32, VERTICES, INDICES = 5126, 5125, 34962, 34963


def coloured_glb_bytes(mesh: Mesh, invented: Array) -> bytes:
    """glTF 2.0 binary of one mesh whose faces share their vertices, in two materials named ``measured`` and
    ``invented``; invented (m,) bool by face. Vertices are mm, z up, under a node that takes them to glTF's metres."""
    if invented.shape != (len(mesh.faces),):
        raise ValueError(f"invented must be ({len(mesh.faces)},), got {invented.shape}")
    position = np.ascontiguousarray(mesh.vertices, dtype="<f4")
    normal = np.ascontiguousarray(vertex_normals(mesh), dtype="<f4")
    box = {"min": position.min(axis=0).astype(float).tolist(), "max": position.max(axis=0).astype(float).tolist()}
    arrays: list[tuple[Array, dict[str, Any]]] = [
        (position, {"type": "VEC3", "componentType": FLOAT, "count": len(position), **box}),
        (normal, {"type": "VEC3", "componentType": FLOAT, "count": len(normal)}),
    ]
    primitives: list[dict[str, Any]] = []
    materials: list[dict[str, Any]] = []
    for name, colour, own in (("measured", SKIN, ~invented), ("invented", INVENTED, invented)):
        if own.any():
            index = np.ascontiguousarray(mesh.faces[own], dtype="<u4").reshape(-1)
            arrays.append((index, {"type": "SCALAR", "componentType": UINT32, "count": len(index)}))
            where = {"POSITION": 0, "NORMAL": 1}
            primitives.append({"attributes": where, "indices": len(arrays) - 1, "material": len(materials)})
            look = {"baseColorFactor": list(colour), "metallicFactor": 0, "roughnessFactor": 0.7}
            materials.append({"name": name, "pbrMetallicRoughness": look})
    return _glb(arrays, primitives, materials)


def _glb(
    arrays: list[tuple[Array, dict[str, Any]]], primitives: list[dict[str, Any]], materials: list[dict[str, Any]]
) -> bytes:
    views, offset = [], 0
    for array, about in arrays:
        target = INDICES if about["componentType"] == UINT32 else VERTICES
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": array.nbytes, "target": target})
        offset += array.nbytes
    document = {
        "asset": {"version": "2.0", "generator": "plantar"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "foot", "matrix": list(Y_UP_METRES)}],
        "meshes": [{"name": "foot", "primitives": primitives}],
        "materials": materials,
        "accessors": [{"bufferView": k, **about} for k, (_, about) in enumerate(arrays)],
        "bufferViews": views,
        "buffers": [{"byteLength": offset}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)  # chunks begin at multiples of four; all arrays are multiples of four
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", offset, b"BIN\0") + b"".join(array.tobytes() for array, _ in arrays)
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
