"""The insoles that a finished batch has for the printers, each held against the SHA-256 in its order's manifest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footscan.errors import FootscanError, ReadError
from station.batch import addresses
from station.batch.places import BATCH_SCHEMA, place_of
from station.console import dump
from station.errors import one_line
from station.orders import MANIFEST

if TYPE_CHECKING:
    from footscan.types import Array
    from insole.slicer_files import Stored

NOZZLE_MM = 0.4  #: where an order's prescription does not say
SIDES = ("left", "right")


@dataclass(frozen=True)
class Piece:
    """One insole to be printed: whose it is, its file with its hash, what its print takes."""

    order: str
    side: str
    file: str
    sha256: str
    material: str
    nozzle_mm: float
    minutes: float
    grams: float

    @property
    def name(self) -> str:
        """What it is called on its plate: leads back to the order."""
        return f"{self.order} {self.side}"

    @property
    def label(self) -> str:
        """Its file as messages and documents call it: by no path of this machine."""
        return f"{self.order}/{self.side}/insole.3mf"


@dataclass(frozen=True)
class Lost:
    """An insole that is on no plate, and why."""

    order: str
    side: str
    message: str

    @classmethod
    def of(cls, piece: Piece, why: str | Exception) -> Lost:
        """Told with the order's name."""
        return _lost(piece.order, piece.side, one_line(str(why)))


@dataclass(frozen=True, eq=False)
class Seen:
    """A piece from above as it is printed: outline (n, 2) mm in its own frame, and the height of its lowest point."""

    outline_mm: Array
    lowest_mm: float


def gather(address: str, name: str) -> tuple[tuple[Piece, ...], tuple[Lost, ...], Mapping[str, Any]]:
    """The insoles of a batch in its table's order, those that can't be had, and the input that its manifest is.

    ReadError where there is no manifest of a batch.
    """
    place = place_of(address)
    batch = place.batch_manifest()
    if batch is None:
        hint = "give the folder of plantar batch, after it has come to its end"
        raise ReadError(name, f"a manifest {BATCH_SCHEMA}", "none", hint)
    data = addresses.read_bytes(f"{address}/{MANIFEST}")
    pieces: list[Piece] = []
    lost: list[Lost] = []
    for entry in batch["orders"]:
        order = entry["order"]
        sides = [side for side in SIDES if side in entry.get("insoles", {})]
        manifest = place.manifest(order) if sides else None
        if manifest is None or hashlib.sha256(dump(manifest).encode()).hexdigest() != entry["manifest_sha256"]:
            why = "expected the order as the batch left it, found another or none; run plantar batch --resume"
            lost += [_lost(order, side, why) for side in sides]
            continue
        nozzles = _nozzles_mm(f"{address}/{order}/prescription.json", manifest)
        for side in sides:
            found = _piece(f"{address}/{order}", order, side, manifest, nozzles.get(side, NOZZLE_MM))
            if isinstance(found, Piece):
                pieces.append(found)
            else:
                lost.append(found)
    about = {"role": "batch", "source": name, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    return tuple(pieces), tuple(lost), about


def look(pieces: Sequence[Piece]) -> list[Seen | str]:
    """Each from above, out of its file; what is wrong with it where it can't be printed as it is."""
    from insole.outlines import silhouette
    from insole.stored import body_mesh

    found: list[Seen | str] = []
    for piece in pieces:
        try:
            mesh = body_mesh(stored(piece), piece.label)
            found.append(Seen(silhouette(mesh), float(mesh.vertices[:, 2].min())))
        except FootscanError as error:
            found.append(str(error).replace(piece.file, piece.label))
    return found


def stored(piece: Piece) -> Stored:
    """The insole in its file, under its name. ReadError where the file is not the one that the manifest names."""
    from insole.stored import named, read_stored

    data = addresses.read_bytes(piece.file)
    if hashlib.sha256(data).hexdigest() != piece.sha256:
        expected = f"the file that its order's manifest names (SHA-256 {piece.sha256[:12]}…)"
        raise ReadError(piece.label, expected, "another", "run plantar batch again")
    return named(read_stored(data, piece.label), piece.name)


# ------------------------------------------------------------------ inside


def _piece(folder: str, order: str, side: str, manifest: Mapping[str, Any], nozzle_mm: float) -> Piece | Lost:
    about, name = manifest["insoles"][side], f"{side}/insole.3mf"
    file = manifest["outputs"].get(name)
    if not about["printable"]:
        return _lost(order, side, "expected an insole that can be printed, found that its checks refuse it")
    if file is None:
        return _lost(order, side, f"expected {name}, found none; run plantar batch with --outputs stl,3mf,json")
    if about["material"] is None or about["minutes"] is None or about["grams"] is None:
        return _lost(order, side, "expected a filament and a time to print it, found none")
    time_and_mass = float(about["minutes"]), float(about["grams"])
    return Piece(order, side, f"{folder}/{name}", file["sha256"], about["material"], nozzle_mm, *time_and_mass)


def _lost(order: str, side: str, why: str) -> Lost:
    return Lost(order, side, f"order {order}, {side}: {why}")


def _nozzles_mm(file: str, manifest: Mapping[str, Any]) -> dict[str, float]:
    """Side -> nozzle that the insole was designed for, where the prescription is there."""
    if "prescription.json" not in manifest["outputs"]:
        return {}
    try:
        feet = json.loads(addresses.read_bytes(file))["feet"]
        return {side: float(about["fields"]["nozzle_mm"]["value"]) for side, about in feet.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ReadError(file, "a prescription of ours", "something else", "run plantar batch again") from error
