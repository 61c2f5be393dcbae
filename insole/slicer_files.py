"""3MF for slicers: one object an insole, its zones as modifiers with their own infill, shells and perimeters.

``prusa`` (PrusaSlicer 2.x): all volumes of an object in one mesh; ``Metadata/Slic3r_PE_model.config`` says which
triangles are which. The model must bear ``slic3rpe:Version3mf``, or the zones are left out without a word.
``orca`` (OrcaSlicer, Bambu Studio): a mesh object a volume, put together by components;
``Metadata/model_settings.config`` says what each part is. Both programs read that file only where the model's
``Application`` begins with "BambuStudio-", so it does; ``Description`` says what wrote it.

In both, the last modifier that holds a point wins: zones stand in the order outer to inner. The config part hangs on
the model by a relationship, so that any 3MF library keeps it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal
from xml.sax.saxutils import quoteattr

import numpy as np

from footscan.types import Mesh
from insole.archives import zip_bytes
from insole.files import CONTENT_TYPES, NAMESPACE, RELATIONSHIPS, mesh_lines
from insole.stiffness import PrintSettings
from insole.types import InsoleDesign
from insole.zones import Zoning, zone_meshes

Slicer = Literal["prusa", "orca"]
SLIC3R_NAMESPACE = "http://schemas.slic3r.org/3mf/2017/06"
ORCA_NAMESPACE = "http://schemas.bambulab.com/package/2021"
ORCA_READS = "BambuStudio-01.09.05.52"
CONFIG = {"prusa": "Metadata/Slic3r_PE_model.config", "orca": "Metadata/model_settings.config"}
CONFIG_RELATION = "urn:plantar:slicer-config"  #: of our own: neither slicer asks for one
IDENTITY = "1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1"
#: our setting -> its name in each slicer
KEYS: dict[Slicer, dict[str, str]] = {
    "prusa": {
        "density": "fill_density",
        "pattern": "fill_pattern",
        "perimeters": "perimeters",
        "top": "top_solid_layers",
        "bottom": "bottom_solid_layers",
    },
    "orca": {
        "density": "sparse_infill_density",
        "pattern": "sparse_infill_pattern",
        "perimeters": "wall_loops",
        "top": "top_shell_layers",
        "bottom": "bottom_shell_layers",
    },
}
PATTERN = "gyroid"


@dataclass(frozen=True)
class Placement:
    """Where an object stands on the printer's bed: turned about z, then moved (mm)."""

    x_mm: float = 0.0
    y_mm: float = 0.0
    z_mm: float = 0.0
    turn_deg: float = 0.0


@dataclass(frozen=True, eq=False)
class Printable:
    """One insole ready for a slicer: ``mesh``, how it is printed, ``zones`` as closed meshes outer to inner."""

    name: str
    mesh: Mesh
    zoning: Zoning | None = None
    zones: tuple[Mesh, ...] = ()
    placement: Placement | None = None


@dataclass(frozen=True, eq=False)
class Stored:
    """One insole as its own 3MF for PrusaSlicer has it (``insole.stored``): its ``mesh`` element goes on byte by byte.

    ``settings`` are the object's, ``volumes`` first and last triangle and settings of the body and of each zone,
    ``scale`` what its print is multiplied by.
    """

    name: str
    mesh: bytes
    settings: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[tuple[int, int, Mapping[str, str]], ...] = ()
    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    placement: Placement | None = None


def printable(design: InsoleDesign, mesh: Mesh, zoning: Zoning | None, name: str) -> Printable:
    """``mesh`` is the design's solid; without zoning the slicer's own settings hold."""
    return Printable(name, mesh, zoning, zone_meshes(design, zoning) if zoning is not None else ())


def zoned_threemf_bytes(parts: Sequence[Printable | Stored], slicer: Slicer = "prusa") -> bytes:
    """One 3MF with an object a part. ValueError for no part, a slicer that isn't known, or a stored part for Orca."""
    if not parts:
        raise ValueError("a 3MF needs at least one part, got none")
    if slicer not in CONFIG:
        raise ValueError(f"slicer must be prusa or orca, got {slicer!r}")
    fresh = [part for part in parts if isinstance(part, Printable)]
    if slicer == "orca" and len(fresh) < len(parts):
        raise ValueError("stored insoles are PrusaSlicer's, got orca; make them again for it")
    build, config = _prusa(parts) if slicer == "prusa" else _orca(fresh)
    target = quoteattr(f"/{CONFIG[slicer]}")
    relations = RELATIONSHIPS.split("<Relationship ")[0]
    relations += f'<Relationship Target={target} Id="rel1" Type="{CONFIG_RELATION}"/></Relationships>\n'
    types = CONTENT_TYPES.replace("</Types>", '<Default Extension="config" ContentType="application/xml"/></Types>')
    return zip_bytes(
        [
            ("[Content_Types].xml", types.encode()),
            ("_rels/.rels", RELATIONSHIPS.encode()),
            ("3D/3dmodel.model", build),
            ("3D/_rels/3dmodel.model.rels", relations.encode()),
            (CONFIG[slicer], config.encode()),
        ]
    )


# ------------------------------------------------------------------ PrusaSlicer


def _prusa(parts: Sequence[Printable | Stored]) -> tuple[bytes, str]:
    head = [
        _model("slic3rpe", SLIC3R_NAMESPACE),
        b'<metadata name="slic3rpe:Version3mf">1</metadata>\n<metadata name="Application">plantar</metadata>\n',
        b"<resources>\n",
    ]
    config = ['<?xml version="1.0" encoding="UTF-8"?>\n<config>\n']
    for number, part in enumerate(parts, 1):
        stored = part if isinstance(part, Stored) else _as_stored(part)
        head += [_object_head(number, part.name, "model"), stored.mesh, b"\n</object>\n"]
        config.append(f' <object id="{number}" instances_count="1">\n')
        config += _told("object", {"name": part.name, **stored.settings})
        for first, last, settings in stored.volumes:
            config.append(f'  <volume firstid="{first}" lastid="{last}">\n')
            config += _told("volume", settings)
            config.append("  </volume>\n")
        config.append(" </object>\n")
    items = [_item(number, part) for number, part in enumerate(parts, 1)]
    return b"".join([*head, b"</resources>\n<build>\n", *items, b"</build>\n</model>\n"]), "".join(
        [*config, "</config>\n"]
    )


def _as_stored(part: Printable) -> Stored:
    """With all its volumes in one mesh."""
    whole, spans = _joined((part.mesh, *part.zones))
    volumes = tuple((first, last, _volume(part, k)) for k, (first, last) in enumerate(spans))
    return Stored(part.name, b"".join(_mesh(whole)), _settings(part.zoning, "prusa"), volumes)


def _volume(part: Printable, number: int) -> dict[str, str]:
    """Metadata of the body (0) or of a zone."""
    if number == 0:
        return {"name": part.name, "volume_type": "ModelPart", "matrix": IDENTITY}
    zoning = part.zoning
    if zoning is None:
        raise ValueError("zones need a zoning, got None")
    zone = zoning.zones[number - 1]
    kind = {"name": zone.name, "modifier": "1", "volume_type": "ParameterModifier", "matrix": IDENTITY}
    return kind | _print_settings(zone.settings, "prusa")


def _told(kind: str, values: Mapping[str, str]) -> list[str]:
    space = "  " if kind == "object" else "   "
    return [f'{space}<metadata type="{kind}" key="{key}" value={quoteattr(value)}/>\n' for key, value in values.items()]


def _joined(meshes: Sequence[Mesh]) -> tuple[Mesh, list[tuple[int, int]]]:
    """All in one, and first and last triangle of each."""
    if len(meshes) == 1:
        return meshes[0], [(0, len(meshes[0].faces) - 1)]
    starts = np.cumsum([0, *(len(m.vertices) for m in meshes)])
    faces = np.concatenate([m.faces + s for m, s in zip(meshes, starts)])
    ends = np.cumsum([0, *(len(m.faces) for m in meshes)]).tolist()
    whole = Mesh(np.concatenate([m.vertices for m in meshes]), faces, "foot")
    return whole, [(a, b - 1) for a, b in pairwise(ends)]


# ------------------------------------------------------------------ Orca, Bambu


def _orca(parts: Sequence[Printable]) -> tuple[bytes, str]:
    model = [
        _model("BambuStudio", ORCA_NAMESPACE),
        f'<metadata name="Application">{ORCA_READS}</metadata>\n'.encode(),
        b'<metadata name="BambuStudio:3mfVersion">1</metadata>\n<metadata name="Description">plantar</metadata>\n',
        b"<resources>\n",
    ]
    config, items, number = ['<?xml version="1.0" encoding="UTF-8"?>\n<config>\n'], [], 0
    for part in parts:
        ids = []
        names = [part.name, *((z.name for z in part.zoning.zones) if part.zoning is not None else ())]
        for name, mesh in zip(names, (part.mesh, *part.zones)):
            number += 1
            ids.append(number)
            model += list(_object(number, name, mesh, "model" if len(ids) == 1 else "other"))
        number += 1
        model.append(f'<object id="{number}" name={quoteattr(part.name)} type="model">\n<components>\n'.encode())
        model += [f'<component objectid="{k}"/>\n'.encode() for k in ids]
        model.append(b"</components>\n</object>\n")
        items.append(_item(number, part))
        config += _orca_config(part, number, ids)
    body = b"".join([*model, b"</resources>\n<build>\n", *items, b"</build>\n</model>\n"])
    return body, "".join([*config, "</config>\n"])


def _orca_config(part: Printable, number: int, ids: Sequence[int]) -> list[str]:
    def told(space: str, values: dict[str, str]) -> list[str]:
        return [f"{space}<metadata key={quoteattr(k)} value={quoteattr(v)}/>\n" for k, v in values.items()]

    lines = [f'  <object id="{number}">\n']
    lines += told("    ", {"name": part.name, "extruder": "1", **_settings(part.zoning, "orca")})
    for k, volume in enumerate(ids):
        subtype = "modifier_part" if k else "normal_part"
        lines.append(f'    <part id="{volume}" subtype="{subtype}">\n')
        values = {"name": part.name, "matrix": IDENTITY}
        if k and part.zoning is not None:
            zone = part.zoning.zones[k - 1]
            values = {"name": zone.name, "matrix": IDENTITY, **_print_settings(zone.settings, "orca")}
        lines += [*told("      ", values), "    </part>\n"]
    return [*lines, "  </object>\n"]


# ------------------------------------------------------------------ shared


def _model(prefix: str, namespace: str) -> bytes:
    head = f'<model unit="millimeter" xml:lang="en-US" xmlns="{NAMESPACE}"\n xmlns:{prefix}="{namespace}">\n'
    return ('<?xml version="1.0" encoding="UTF-8"?>\n' + head).encode()


def _object(number: int, name: str, mesh: Mesh, kind: str) -> Iterator[bytes]:
    yield _object_head(number, name, kind)
    yield from _mesh(mesh)
    yield b"\n</object>\n"


def _object_head(number: int, name: str, kind: str) -> bytes:
    return f'<object id="{number}" name={quoteattr(name)} type="{kind}">\n'.encode()


def _mesh(mesh: Mesh) -> Iterator[bytes]:
    vertices, triangles = mesh_lines(mesh)
    yield b"<mesh>\n<vertices>\n"
    yield vertices
    yield b"</vertices>\n<triangles>\n"
    yield triangles
    yield b"</triangles>\n</mesh>"


def _item(number: int, part: Printable | Stored) -> bytes:
    """With the print's scale and its place on the bed, where there are any."""
    scale = (1.0, 1.0, 1.0)
    if isinstance(part, Stored):
        scale = part.scale
    elif part.zoning is not None:
        scale = part.zoning.material.print_scale
    place = part.placement
    if place is None and scale == (1.0, 1.0, 1.0):
        return f'<item objectid="{number}"/>\n'.encode()
    place = place or Placement()
    turn = np.radians(place.turn_deg)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]])
    rows = np.vstack([(rotation * np.array(scale)).T, [place.x_mm, place.y_mm, place.z_mm]])  # 3MF: row vectors
    matrix = " ".join(f"{v:.6f}".rstrip("0").rstrip(".") for v in np.round(rows, 6).ravel() + 0.0)
    return f'<item objectid="{number}" transform="{matrix}"/>\n'.encode()


def _settings(zoning: Zoning | None, slicer: Slicer) -> dict[str, str]:
    if zoning is None:
        return {}
    return {KEYS[slicer]["pattern"]: PATTERN, **_print_settings(zoning.body, slicer)}


def _print_settings(settings: PrintSettings, slicer: Slicer) -> dict[str, str]:
    keys = KEYS[slicer]
    return {
        keys["density"]: f"{100.0 * settings.density:.0f}%",
        keys["perimeters"]: str(settings.perimeters),
        keys["top"]: str(settings.top_layers),
        keys["bottom"]: str(settings.bottom_layers),
    }
