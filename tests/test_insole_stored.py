"""An insole out of its own 3MF onto a plate: byte by byte, and nothing but an insole of ours."""

from __future__ import annotations

import dataclasses
import io
import zipfile
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from insole_feet import make_foot

from footscan.errors import ReadError
from footscan.types import RegionLoads
from insole import InsolePrescription, design, plan_zones, printable, solid, threemf_bytes, zoned_threemf_bytes
from insole.slicer_files import Placement, Printable
from insole.stored import body_mesh, named, read_stored


def made(side: Any, **card: Any) -> Printable:
    foot = make_foot(side=side)
    shape = design(foot, InsolePrescription(), 4000)
    loads = RegionLoads(side, {"heel_medial": 330.0, "mth2": 360.0, "mth1": 120.0}, 20, True)
    zoning = plan_zones(shape, foot, loads)
    zoning = dataclasses.replace(zoning, material=dataclasses.replace(zoning.material, **card))
    return printable(shape, solid(shape), zoning, f"insole {side}")


def test_a_stored_insole_is_the_insole_byte_by_byte() -> None:
    part = made("left", print_scale=(1.02, 1.01, 1.0))
    assert part.zones
    data = zoned_threemf_bytes([part])
    stored = read_stored(data, "insole.3mf")
    assert zoned_threemf_bytes([stored]) == data and stored.name == "insole left"
    body = body_mesh(stored, "insole.3mf")
    assert body.vertices == pytest.approx(part.mesh.vertices * [1.02, 1.01, 1.0], abs=1.1e-3)
    assert (body.faces == part.mesh.faces).all()
    again = zoned_threemf_bytes([named(stored, "order 1 left"), named(stored, "order 2 left")])
    with zipfile.ZipFile(io.BytesIO(again)) as archive:
        config = ElementTree.fromstring(archive.read("Metadata/Slic3r_PE_model.config"))
    for number, thing in enumerate(config.findall("object"), 1):
        names = [m.get("value") for m in thing.iter("metadata") if m.get("key") == "name"]
        zones = [zone.name for zone in part.zoning.zones] if part.zoning else []
        assert names == [f"order {number} left"] * 2 + zones
    with pytest.raises(ValueError, match="PrusaSlicer's, got orca"):
        zoned_threemf_bytes([stored], "orca")


def test_any_other_file_is_no_stored_insole(rng: np.random.Generator) -> None:
    part = made("right")
    moved = dataclasses.replace(part, placement=Placement(10.0, 0.0, 0.0, 5.0))
    data = zoned_threemf_bytes([part])
    others = [
        threemf_bytes(part.mesh, "plain"),
        zoned_threemf_bytes([part], "orca"),
        zoned_threemf_bytes([part, part]),
        zoned_threemf_bytes([moved]),
        b"solid insole",
        b"",
    ]
    for k in rng.integers(0, len(data), 20).tolist():
        others.append(data[:k] + bytes([data[k] ^ int(rng.integers(1, 256))]) + data[k + 1 :])
        others.append(data[:k])
    for other in others:
        try:
            found = read_stored(other, "x.3mf")
            body_mesh(found, "x.3mf")
        except ReadError as error:
            assert "x.3mf" in str(error)
        else:  # a change that no reader looks at
            assert found.mesh == read_stored(data, "x.3mf").mesh
    stored = read_stored(data, "x.3mf")
    for good, bad in ((b'x="', b'x="1-'), (b"</vertices>", b"<vertex /></vertices>"), (b'v2="', b'v2="99999')):
        with pytest.raises(ReadError, match=r"x\.3mf"):
            body_mesh(dataclasses.replace(stored, mesh=stored.mesh.replace(good, bad, 1)), "x.3mf")
