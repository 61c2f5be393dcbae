"""Small valid scan files of every format, written down byte by byte and independent of our writers, with their truth.

The solid is a prism over a hexagon (2 hexagons, 6 rectangles) and its corners are known; formats without polygons hold
the same surface in triangles.
"""

from __future__ import annotations

import base64
import io
import itertools
import json
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from footscan.types import Array

HEIGHT = 4.0
RING = np.array([[3.0, 0.0], [1.5, 2.5], [-1.5, 2.5], [-3.0, 0.0], [-1.5, -2.5], [1.5, -2.5]])
CORNERS = np.array([[x, y, z] for z in (0.0, HEIGHT) for x, y in RING])
POLYGONS = [[5, 4, 3, 2, 1, 0], [6, 7, 8, 9, 10, 11]] + [[i, (i + 1) % 6, 6 + (i + 1) % 6, 6 + i] for i in range(6)]
TRIANGLES = [(p[0], a, b) for p in POLYGONS for a, b in itertools.pairwise(p[1:])]
BASE_MM2 = 2 * 2.5 * (3.0 + 1.5)  # two trapezia, 6 and 3 wide, 2.5 high
SIDES_MM = 2 * 3.0 + 4 * float(np.hypot(1.5, 2.5))
AREA_MM2, VOLUME_MM3 = 2 * BASE_MM2 + SIDES_MM * HEIGHT, BASE_MM2 * HEIGHT
NORMALS = np.array([[0.6, 0.8, 0.0], [0.0, -0.6, 0.8], [1.0, 0.0, 0.0]] * 4)


@dataclass(frozen=True)
class Sample:
    """``format`` it must be found to be; ``points`` (n, 3) in file order (None: another order, then their set);
    ``is_mesh``; ``normals``; ``counted`` True if the file says how much there is, so that a cut must be noticed."""

    name: str
    format: str
    suffix: str
    data: bytes
    is_mesh: bool = True
    points: Array | None = None
    normals: bool = False
    counted: bool = True


def lines(rows: object, pattern: str = "{}", separator: str = " ") -> str:
    return "".join(pattern.format(separator.join(f"{x:g}" for x in row)) + "\n" for row in np.asarray(rows, float))


def samples() -> list[Sample]:
    """All of them, each name once."""
    return [*_stl(), *_ply(), *_obj(), *_off(), *_xyz(), *_pcd(), *_gltf(), *_threemf()]


def _stl() -> Iterator[Sample]:
    facets = b"".join(struct.pack("<12fH", 0, 0, 0, *CORNERS[list(t)].ravel(), 0) for t in TRIANGLES)
    body = struct.pack("<I", len(TRIANGLES)) + facets
    yield Sample("stl binary", "stl", ".stl", b"scanner".ljust(80) + body)
    yield Sample("stl binary that says solid", "stl", ".stl", b"solid facet".ljust(80) + body)
    text = "".join(
        f"facet normal 0 0 0\n outer loop\n{lines(CORNERS[list(t)], '  vertex {}')} endloop\nendfacet\n"
        for t in TRIANGLES
    )
    yield Sample("stl text", "stl", ".stl", f"solid a binary one\n{text}endsolid\n".encode())
    half = text.index("\nfacet", len(text) // 2) + 1
    two = f"solid a\n{text[:half]}endsolid a\n\nsolid b\n{text[half:]}endsolid b\n".upper().replace("\n", "\r\n")
    yield Sample("stl text of two solids in capitals", "stl", ".stl", two.encode(), counted=False)


def _ply() -> Iterator[Sample]:
    xyz = "property float x\nproperty float y\nproperty float z\n"
    face = "property list uchar int vertex_indices\n"
    text = f"ply\nformat ascii 1.0\ncomment a foot\nelement vertex 12\n{xyz}element face 8\n{face}end_header\n"
    text += lines(CORNERS) + "".join(f"{len(p)} {' '.join(map(str, p))}\n" for p in POLYGONS)
    yield Sample("ply text", "ply", ".ply", text.encode(), points=CORNERS)
    for order, name in (("<", "little"), (">", "big")):
        head = f"ply\nformat binary_{name}_endian 1.0\nelement vertex 12\n{xyz}element face 20\n{face}end_header\n"
        body = CORNERS.astype(order + "f4").tobytes() + b"".join(struct.pack(order + "B3i", 3, *t) for t in TRIANGLES)
        yield Sample(f"ply {name}", "ply", ".ply", head.encode() + body, points=CORNERS)
    rich = (
        "ply\r\nformat binary_big_endian 1.0\r\nobj_info odd\r\n"
        "element camera 1\r\nproperty list ushort double view\r\n"
        "element vertex 12\r\nproperty uchar red\r\nproperty double z\r\nproperty short x\r\n"
        "property list uchar uchar tags\r\n"
        "property double y\r\nelement face 8\r\nproperty uchar flags\r\nproperty list int ushort vertex_index\r\n"
        "property list uchar float texcoord\r\n"
        "element edge 2\r\nproperty int vertex1\r\nproperty int vertex2\r\nend_header\r\n"
    )
    twice = CORNERS * (2, 1, 1)
    body = struct.pack(">H2d", 2, 1.0, 2.0)
    for n, (x, y, z) in enumerate(twice):
        body += struct.pack(f">BdhB{n % 3}Bd", 9, z, int(x), n % 3, *range(n % 3), y)
    for n, p in enumerate(POLYGONS):
        body += struct.pack(f">Bi{len(p)}HB{2 * n}f", n, len(p), *p, 2 * n, *range(2 * n))
    body += struct.pack(">4i", 0, 1, 1, 2)
    yield Sample("ply with lists, odd types and elements", "ply", ".ply", rich.encode() + body, points=twice)
    text = "ply\nformat ascii 1.0\nelement vertex 12\nproperty list uchar int tags\n" + xyz
    text += f"element face 8\nproperty uchar flag\n{face}end_header\n"
    for n, row in enumerate(CORNERS):
        text += f"{n % 3} {'7 ' * (n % 3)}{row[0]:g}\t{row[1]:g} {row[2]:g}\n"
    text += "".join(f"1 {len(p)} {' '.join(map(str, p))}\n" for p in POLYGONS)
    yield Sample("ply text with lists", "ply", ".ply", text.encode(), points=CORNERS)
    names = "".join(f"property float {name}\n" for name in ("x", "y", "z", "nx", "ny", "nz"))
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex 12\n{names}element face 0\n{face}end_header\n"
    body = np.hstack((CORNERS, NORMALS)).astype("<f4").tobytes()
    yield Sample("ply cloud with normals", "ply", ".ply", head.encode() + body, False, CORNERS, normals=True)


def _obj() -> Iterator[Sample]:
    v = lines(CORNERS, "v {}")
    faces = "".join(f"f {' '.join(str(i + 1) for i in p)}\n" for p in POLYGONS)
    yield Sample("obj", "obj", ".obj", f"# a foot\n{v}{faces}".encode(), points=CORNERS, counted=False)
    rich = "mtllib foot.mtl\no foot\n" + lines(np.hstack((CORNERS, CORNERS * 0 + 0.5)), "v {}")
    rich += "vt 0 0\nvn 0 0 1\nvn 0 1 0\n\ng side # one\nusemtl skin\ns 1\n"
    for n, p in enumerate(POLYGONS):
        texture = "1" if n % 2 else ""
        rich += f"f {' '.join(f'{i - 12}/{texture}/-1' for i in p)}\n"
    rich = rich.replace("f ", "f \\\n ", 1).replace("\n", "\r\n")
    yield Sample("obj with all that it may hold", "obj", ".obj", rich.encode(), points=CORNERS, counted=False)
    both = "".join(lines([c], "v {}") + lines([n], "vn {}") for c, n in zip(CORNERS, NORMALS))
    yield Sample("obj cloud with normals", "obj", ".obj", both.encode(), False, CORNERS, normals=True, counted=False)


def _off() -> Iterator[Sample]:
    faces = "".join(f"{len(p)}  {' '.join(map(str, p))}\n" for p in POLYGONS)
    yield Sample("off", "off", ".off", f"OFF\n12 8 0\n{lines(CORNERS)}{faces}".encode(), points=CORNERS)
    red = "".join(f"{len(p)}  {' '.join(map(str, p))} 255 0 0\n" for p in POLYGONS)
    body = lines(np.hstack((CORNERS, CORNERS * 0 + 1, np.ones((12, 1)))))
    yield Sample(
        "off with colours", "off", ".off", f"# made\nCOFF 12 8 18\n\n{body}# faces\n{red}".encode(), points=CORNERS
    )
    cloud = f"NOFF\n12 0 0\n{lines(np.hstack((CORNERS, NORMALS)))}"
    yield Sample("off cloud with normals", "off", ".off", cloud.encode(), False, CORNERS, normals=True)


def _xyz() -> Iterator[Sample]:
    def cloud(name: str, suffix: str, text: str, normals: bool = False, counted: bool = False) -> Sample:
        return Sample(name, "xyz", suffix, text.encode(), False, CORNERS, normals, counted)

    both = np.hstack((CORNERS, NORMALS))
    colour = np.hstack((CORNERS, CORNERS * 0 + (255, 0, 128)))
    yield cloud("xyz", ".xyz", lines(CORNERS))
    yield cloud("xyz with normals", ".xyz", "# scanned\n\n" + lines(both), normals=True)
    yield cloud("xyz with colours", ".asc", lines(colour, separator="\t"))
    yield cloud("csv with names", ".csv", "X [mm],Y [mm],Z [mm]\n" + lines(CORNERS, separator=", "))
    yield cloud("csv with decimal commas", ".csv", lines(CORNERS + 0.0, separator="; ").replace(".", ","))
    shuffled = np.column_stack((NORMALS, CORNERS[:, 2], CORNERS[:, :2]))
    text = "\ufeff//nx ny nz z x y\r\n" + lines(shuffled).replace("\n", "\r\n")
    yield cloud("txt with names in a comment", ".txt", text, normals=True)
    yield cloud(
        "pts", ".pts", "12\n" + lines(np.hstack((CORNERS[:, :3], CORNERS[:, :1] * 0, colour[:, 3:]))), counted=True
    )


def _pcd() -> Iterator[Sample]:
    def head(fields: str, size: str, kind: str, count: str, points: int, data: str) -> bytes:
        return (
            f"# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS {fields}\nSIZE {size}\nTYPE {kind}\n"
            f"COUNT {count}\nWIDTH {points}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {points}\nDATA {data}\n"
        ).encode()

    text = lines(np.hstack((CORNERS, CORNERS[:, :1] * 0 + 4.2e6))) + "nan nan NaN 4.2e6\n"
    ascii_head = head("x y z rgb", "4 4 4 4", "F F F F", "1 1 1 1", 13, "ascii")
    yield Sample("pcd text", "pcd", ".pcd", ascii_head + text.encode(), False, CORNERS)
    kind = np.dtype([("x", "<f4"), ("_", "u1", 4), ("y", "<f8"), ("z", "<i2"), ("n", "<f4", 3)])
    rows = np.zeros(13, kind)
    rows["x"][:12], rows["y"][:12], rows["z"][:12] = CORNERS.T
    rows["n"][:12] = NORMALS
    rows["x"][12] = np.nan
    fields = ("x _ y z normal_x normal_y normal_z", "4 1 8 2 4 4 4", "F U F I F F F", "1 4 1 1 1 1 1")
    yield Sample(
        "pcd binary", "pcd", ".pcd", head(*fields, 13, "binary") + rows.tobytes(), False, CORNERS, normals=True
    )
    columns = b"".join(rows[name].tobytes() for name in ("x", "_", "y", "z"))
    columns += b"".join(np.ascontiguousarray(rows["n"][:, k]).tobytes() for k in range(3))
    packed = lzf_pack(columns)
    body = struct.pack("<2I", len(packed), len(columns)) + packed
    data = head(*fields, 13, "binary_compressed") + body
    yield Sample("pcd compressed", "pcd", ".pcd", data, False, CORNERS, normals=True)


def lzf_pack(data: bytes) -> bytes:
    """A plain greedy LZF: copies where three bytes came before within 8 KB, else runs."""
    out, run, seen, at = bytearray(), bytearray(), {}, 0

    def flush() -> None:
        for start in range(0, len(run), 32):
            piece = run[start : start + 32]
            out.extend(bytes((len(piece) - 1,)) + piece)
        run.clear()

    while at < len(data):
        before = seen.get(data[at : at + 3])
        seen[data[at : at + 3]] = at
        length = 0
        if before is not None and at - before <= 8192:
            while length < 264 and at + length < len(data) and data[before + length] == data[at + length]:
                length += 1
        if length < 3:
            run.append(data[at])
            at += 1
            continue
        flush()
        back, short = at - before - 1, min(length - 2, 7)
        out.append(short << 5 | back >> 8)
        if short == 7:
            out.append(length - 9)
        out.append(back & 255)
        at += length
    flush()
    return bytes(out)


def glb(document: dict[str, object] | bytes, binary: bytes) -> bytes:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4s2I", b"glTF", 2, 12 + len(chunks)) + chunks


#: a node for mm and z up in a format of metres and y up: (x, y, z) -> (x, z, -y) / 1000
Y_UP_METRES = {"scale": [0.001] * 3, "rotation": [-(0.5**0.5), 0, 0, 0.5**0.5]}


def _gltf() -> Iterator[Sample]:
    """Corners and normals interleaved, two nodes (one mirrored), a strip of triangles for the sides."""
    interleaved = np.hstack((CORNERS * 10, NORMALS)).astype("<f4").tobytes()
    caps = np.array([t for t in TRIANGLES if len({i // 6 for i in t}) == 1], "<u2").tobytes()
    strip = np.array([[i % 6 + 6, i % 6] for i in range(7)], "u1").tobytes()
    binary = interleaved + caps + strip

    def document(buffer: dict[str, object]) -> dict[str, object]:
        return {
            "asset": {"version": "2.0"},
            "scenes": [{"nodes": [0]}],
            "nodes": [Y_UP_METRES | {"children": [1]}, {"mesh": 0, "scale": [0.1, 0.1, 0.1]}],
            "meshes": [
                {
                    "primitives": [
                        {"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": i, "mode": m}
                        for i, m in ((2, 4), (3, 5))
                    ]
                }
            ],
            "accessors": [
                {"bufferView": 0, "componentType": 5126, "count": 12, "type": "VEC3"},
                {"bufferView": 0, "byteOffset": 12, "componentType": 5126, "count": 12, "type": "VEC3"},
                {"bufferView": 1, "componentType": 5123, "count": len(caps) // 2, "type": "SCALAR"},
                {"bufferView": 2, "componentType": 5121, "count": len(strip), "type": "SCALAR"},
            ],
            "bufferViews": [
                {"buffer": 0, "byteLength": 288, "byteStride": 24},
                {"buffer": 0, "byteOffset": 288, "byteLength": len(caps)},
                {"buffer": 0, "byteOffset": 288 + len(caps), "byteLength": len(strip)},
            ],
            "buffers": [{"byteLength": len(binary)} | buffer],
            "extensionsUsed": ["KHR_materials_unlit"],
            "extensionsRequired": ["KHR_materials_unlit"],
        }

    yield Sample("glb", "gltf", ".glb", glb(document({}), binary))
    uri = "data:application/octet-stream;base64," + base64.b64encode(binary).decode()
    yield Sample("gltf with a data uri", "gltf", ".gltf", json.dumps(document({"uri": uri}), indent=1).encode())
    mirrored = document({})
    mirror = {"mesh": 0, "matrix": [-0.1, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 1]}
    mirrored["nodes"] = [Y_UP_METRES | {"children": [1]}, mirror]
    yield Sample("glb with a mirror", "gltf", ".glb", glb(mirrored, binary))
    quantised = document({})
    small = (CORNERS * 2).astype("i1")  # -6 to 8
    body = np.hstack((small, small[:, :1] * 0)).tobytes() + caps + strip
    quantised |= {
        "nodes": [Y_UP_METRES | {"children": [1]}, {"mesh": 0, "scale": [63.5, 63.5, 63.5]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5120, "count": 12, "type": "VEC3", "normalized": True},
            {"bufferView": 0, "componentType": 5120, "count": 12, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": len(caps) // 2, "type": "SCALAR"},
            {"bufferView": 2, "componentType": 5121, "count": len(strip), "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": 48, "byteStride": 4},
            {"buffer": 0, "byteOffset": 48, "byteLength": len(caps)},
            {"buffer": 0, "byteOffset": 48 + len(caps), "byteLength": len(strip)},
        ],
        "buffers": [{"byteLength": len(body)}],
        "extensionsRequired": ["KHR_mesh_quantization"],
    }
    yield Sample("glb of whole numbers", "gltf", ".glb", glb(quantised, body))
    points = {
        "asset": {"version": "2.0"},
        "nodes": [Y_UP_METRES | {"children": [1]}, {"mesh": 0, "translation": [1, 0, 0]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1}, "mode": 0}]}],
        "accessors": [
            {"bufferView": 0, "byteOffset": at, "componentType": 5126, "count": 12, "type": "VEC3"} for at in (0, 144)
        ],
        "bufferViews": [{"buffer": 0, "byteLength": 288}],
        "buffers": [{"byteLength": 288}],
    }
    body = (CORNERS - (1, 0, 0)).astype("<f4").tobytes() + NORMALS.astype("<f4").tobytes()
    yield Sample("glb cloud with normals", "gltf", ".glb", glb(points, body), False, CORNERS, normals=True)


CORE = "http://schemas.microsoft.com/3dmanufacturing/core/2015/02"
PRODUCTION = "http://schemas.microsoft.com/3dmanufacturing/production/2015/06"
CONTENT_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="model" ContentType="application/vnd.ms-package.3dmanufacturing-3dmodel+xml"/></Types>'
)
RELS = (
    '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Target="/3D/3dmodel.model" Id="r" Type="http://schemas.microsoft.com/3dmanufacturing/2013/01/3dmodel"/></Relationships>'
)


def threemf_mesh(corners: Array = CORNERS, mirrored: bool = False) -> str:
    vertices = "".join(f'<vertex x="{x:g}" y="{y:g}" z="{z:g}"/>' for x, y, z in corners)
    triangles = "".join(
        f'<triangle v1="{a}" v2="{b}" v3="{c}"/>' for a, b, c in (t[::-1] if mirrored else t for t in TRIANGLES)
    )
    return f"<mesh><vertices>{vertices}</vertices><triangles>{triangles}</triangles></mesh>"


def threemf_model(resources: str, build: str, unit: str = "millimeter", more: str = "") -> str:
    start = f'<?xml version="1.0" encoding="UTF-8"?>\n<model unit="{unit}" xml:lang="en-US" xmlns="{CORE}"{more}>'
    return f"{start}<resources>{resources}</resources><build>{build}</build></model>\n"


def package(parts: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    store = io.BytesIO()
    with zipfile.ZipFile(store, "w", method) as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name), text, method)
    return store.getvalue()


def threemf_parts() -> dict[str, str]:
    plain = threemf_model(f'<object id="1" type="model">{threemf_mesh()}</object>', '<item objectid="1"/>')
    return {"[Content_Types].xml": CONTENT_TYPES, "_rels/.rels": RELS, "3D/3dmodel.model": plain}


def _threemf() -> Iterator[Sample]:
    parts = threemf_parts()
    yield Sample("3mf", "3mf", ".3mf", package(parts), points=CORNERS)
    yield Sample("3mf stored", "3mf", ".3mf", package(parts, zipfile.ZIP_STORED), points=CORNERS)
    mesh = f'<object id="7">{threemf_mesh(CORNERS * (0.1, -0.1, 0.1), mirrored=True)}</object>'
    group = (
        '<object id="8"><components><component objectid="9" p:path="/3D/a.model" transform="1 0 0 0 1 0 0 0 1 0 0 0"/>'
        '</components></object><object id="3" type="support">' + threemf_mesh(CORNERS * 5) + "</object>"
    )
    turn = '<component objectid="7" transform="0 1 0 -1 0 0 0 0 1 0.3 0 0"/>'
    between = f'<object id="9"><components>{turn}</components></object>'
    item = '<item objectid="8" transform="0 1 0 1 0 0 0 0 1 0 -0.3 0"/><item objectid="3"/>'
    more = f' xmlns:p="{PRODUCTION}" requiredextensions="p"'
    parts |= {
        "3D/3dmodel.model": threemf_model(group, item, "centimeter", more),
        "3D/a.model": threemf_model(mesh + between, "", "centimeter"),
        "3D/_rels/3dmodel.model.rels": RELS.replace("/3D/3dmodel.model", "/3D/a.model"),
    }
    yield Sample("3mf with components, transforms, parts and centimetres", "3mf", ".3mf", package(parts))
