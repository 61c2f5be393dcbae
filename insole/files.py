"""A mesh as bytes: STL for everything, 3MF for slicers, GLB for screens. Same mesh, same bytes; coordinates to 1 µm.

Writers only: they check what they are given, and never write a mesh whose triangles would fall together.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from xml.sax.saxutils import quoteattr

import numpy as np

from footscan.types import Array, Mesh

ZIP_DATE = (1980, 1, 1, 0, 0, 0)
ZIP_LEVEL = 1  #: level 6 is 4 times slower for 12 % less
NAMESPACE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/>'
    "</Types>\n"
)
RELATIONSHIPS = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Target="/3D/3dmodel.model" Id="rel0" '
    'Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/>'
    "</Relationships>\n"
)
#: node transform of a GLB, by columns: our mm, z up -> glTF's metres, y up (x stays, z becomes y, y becomes −z)
GLTF_FROM_FOOT = (0.001, 0, 0, 0, 0, 0, -0.001, 0, 0, 0.001, 0, 0, 0, 0, 0, 1)


def stl_bytes(mesh: Mesh) -> bytes:
    """Binary STL, mm."""
    vertices = _rounded(mesh)
    corners = vertices[mesh.faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    facets = np.zeros(len(corners), dtype=[("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    facets["normal"] = normal / np.where(length > 0, length, 1.0)
    facets["corners"] = corners
    header = b"plantar insole, mm, foot frame".ljust(80, b" ")
    return header + struct.pack("<I", len(facets)) + facets.tobytes()


def threemf_bytes(mesh: Mesh, name: str) -> bytes:
    """3MF (core specification 1.x): one object called ``name``, millimetres."""
    micron = np.rint(_rounded(mesh) * 1000.0).astype(np.int64)
    vertices = _lines(micron, '<vertex x="', '" y="', '" z="', decimals=3)
    triangles = _lines(mesh.faces, '<triangle v1="', '" v2="', '" v3="', decimals=0)
    model = b"".join(
        (
            b'<?xml version="1.0" encoding="UTF-8"?>\n',
            f'<model unit="millimeter" xml:lang="en-US" xmlns="{NAMESPACE}">\n'.encode(),
            b'<metadata name="Application">plantar</metadata>\n',
            f'<resources>\n<object id="1" name={quoteattr(name)} type="model">\n<mesh>\n<vertices>\n'.encode(),
            vertices,
            b"</vertices>\n<triangles>\n",
            triangles,
            b"</triangles>\n</mesh>\n</object>\n</resources>\n",
            b'<build>\n<item objectid="1"/>\n</build>\n</model>\n',
        )
    )
    parts = (
        ("[Content_Types].xml", CONTENT_TYPES.encode()),
        ("_rels/.rels", RELATIONSHIPS.encode()),
        ("3D/3dmodel.model", model),
    )
    return _zip(parts)


def glb_bytes(mesh: Mesh) -> bytes:
    """glTF 2.0 binary. Vertices stay mm, z up; the node's matrix takes them to glTF's metres, y up. Normals are smooth
    over the top, the underside and the wall, and split between them."""
    vertices, normals, faces = _shaded(_rounded(mesh), mesh.faces)
    positions, shading, index = vertices.astype("<f4"), normals.astype("<f4"), faces.astype("<u4")
    chunks = [positions.tobytes(), shading.tobytes(), index.tobytes()]
    starts = np.concatenate([[0], np.cumsum([len(c) for c in chunks])])
    targets = (34962, 34962, 34963)
    views = [
        {"buffer": 0, "byteOffset": int(o), "byteLength": len(c), "target": t}
        for o, c, t in zip(starts, chunks, targets)
    ]
    low, high = positions.min(axis=0).astype(float).tolist(), positions.max(axis=0).astype(float).tolist()
    document = {
        "asset": {"version": "2.0", "generator": "plantar"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "insole", "matrix": GLTF_FROM_FOOT}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2, "material": 0}]}],
        "materials": [
            {
                "pbrMetallicRoughness": {
                    "baseColorFactor": [0.16, 0.36, 0.42, 1],
                    "metallicFactor": 0,
                    "roughnessFactor": 0.6,
                }
            }
        ],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": len(positions), "type": "VEC3", "min": low, "max": high},
            {"bufferView": 1, "componentType": 5126, "count": len(positions), "type": "VEC3"},
            {"bufferView": 2, "componentType": 5125, "count": index.size, "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": int(starts[-1])}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary = b"".join(chunks)
    binary += b"\0" * (-len(binary) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<III", 0x46546C67, 2, 12 + len(body)) + body


# ------------------------------------------------------------------ inside


def _rounded(mesh: Mesh) -> Array:
    """Vertices to 1 µm, no −0."""
    return np.asarray(np.round(mesh.vertices, 3) + 0.0)


def _zip(parts: tuple[tuple[str, bytes], ...]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=ZIP_LEVEL) as archive:
        for name, data in parts:
            info = zipfile.ZipInfo(name, ZIP_DATE)
            info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            archive.writestr(info, data)
    return out.getvalue()


def _lines(values: Array, before: str, second: str, third: str, decimals: int) -> bytes:
    """``before`` a ``second`` b ``third`` c ``"/>`` a line, for integers (n, 3), with a decimal point before the last
    ``decimals`` digits. Digits are set by arithmetic on whole columns: 5 times faster than formatting each number."""
    columns = []
    for text, k in zip((before, second, third), range(3)):
        columns += [_constant(text, len(values)), _digits(values[:, k], decimals)]
    columns.append(_constant('"/>\n', len(values)))
    table = np.concatenate(columns, axis=1)
    return bytes(table[table != 0].tobytes())


def _constant(text: str, count: int) -> Array:
    return np.broadcast_to(np.frombuffer(text.encode(), dtype=np.uint8), (count, len(text)))


#: "000" … "999" as ASCII, and the same without leading zeros (0 bytes in their place; 0 itself is "0")
_FULL: Array = (np.arange(1000)[:, None] // np.array([100, 10, 1]) % 10 + ord("0")).astype(np.uint8)
_BARE: Array = np.where(np.arange(1000)[:, None] >= np.array([100, 10, 0]), _FULL, 0).astype(np.uint8)


def _digits(values: Array, decimals: int) -> Array:
    """Integers (n,) as ASCII (n, width), unused places 0; three digits at a time from a table. ``decimals`` 0 or 3."""
    size = np.abs(values)
    groups: list[Array] = []
    while True:
        size, last = np.divmod(size, 1000)
        groups.insert(0, last)
        if not size.any() and len(groups) > decimals // 3:
            break
    whole, columns = len(groups) - decimals // 3, []
    started = np.zeros(len(values), dtype=bool)
    for k, group in enumerate(groups):
        if k == whole:
            columns.append(np.full((len(values), 1), ord("."), dtype=np.uint8))
        if k >= whole:
            columns.append(_FULL[group])
            continue
        text = np.where(started[:, None], _FULL[group], _BARE[group])
        started = started | (group > 0)
        if k < whole - 1:
            text[~started] = 0
        columns.append(text)
    if values.min(initial=0) < 0:
        columns.insert(0, np.where(values < 0, ord("-"), 0).astype(np.uint8)[:, None])
    return np.hstack(columns)


def _shaded(vertices: Array, faces: Array) -> tuple[Array, Array, Array]:
    """Vertices, normals and faces for smooth shading with sharp folds: faces are grouped by the way that they look (up,
    down, sideways), and a vertex that several groups share becomes several."""
    corners = vertices[faces]
    area = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    unit = area[:, 2] / np.maximum(np.linalg.norm(area, axis=1), 1e-12)
    group = np.where(unit > 0.34, 0, np.where(unit < -0.64, 1, 2))
    keys, index = np.unique(faces.ravel() * 3 + np.repeat(group, 3), return_inverse=True)
    normals = np.stack([np.bincount(index, np.repeat(area[:, k], 3), len(keys)) for k in range(3)], axis=1)
    length = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return vertices[keys // 3], normals / length, index.reshape(-1, 3)
