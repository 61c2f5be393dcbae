"""``plantar size``: shoe sizes from measurements."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from station.errors import DONE
from station.results import Source

if TYPE_CHECKING:
    from footscan.sizing import System
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser

ALL: tuple[System, ...] = ("eu", "uk", "us-men", "us-women", "jp", "cn", "mondo")


def arguments(parser: Parser, say: Texts) -> None:
    """A measurements file, and the system of the sizes."""
    add = parser.inputs.add_argument
    add("measurements", metavar="MEASUREMENTS.json", help=say("size.measurements"))
    add("--system", choices=(*ALL, "all"), default="all", help=say("size.system"))


def run(args: argparse.Namespace, console: Console) -> int:
    """The sizes of each foot and of the pair."""
    from station.messages import table
    from station.orders import sha256
    from station.sizes import read_measurements, size_document

    source, say = Source.given(args.measurements), console.say
    feet = read_measurements(source.path)
    systems: tuple[System, ...] = ALL if args.system == "all" else (args.system,)
    document = size_document(source.name, sha256(source.path), feet, systems)
    console.document(document)
    columns = [(say(f"side.{foot['side']}"), foot) for foot in document["feet"]]
    if document["pair"] is not None:
        columns.append((say("size.pair"), document["pair"]))
    rows = [["", *(title for title, _ in columns)]]
    rows.append([say("name.foot_length_mm"), *(f"{foot['length_mm']:.1f} mm" for _, foot in columns)])
    rows += [[say(f"size.{system}"), *(_shown(foot["sizes"][system]) for _, foot in columns)] for system in systems]
    console.print(table(rows))
    if document["pair"] is not None:
        longer, by = document["pair"]["longer"], document["pair"]["difference_mm"]
        console.print(say("size.longer", side=say(f"side.{longer}"), by=f"{by:.1f}"))
    return DONE


def _shown(size: Mapping[str, Any]) -> str:
    return str(size["size"]) if size["size"] is not None else f"– ({size['reason']})"
