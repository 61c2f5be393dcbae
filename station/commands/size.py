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
    add("--us-women", choices=("brannock", "retail"), default="brannock", help=say("size.us_women"))
    add("--sex", choices=("men", "women"), help=say("size.sex"))
    add("--cn-type-one", metavar="MM", type=girth, help=say("size.cn_type_one"))


def girth(text: str) -> float:
    """A girth in mm, as argparse wants it."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 80.0 <= value <= 500.0:
        raise argparse.ArgumentTypeError(f"expected a girth of 80 to 500 mm, found {text!r}")
    return value


def run(args: argparse.Namespace, console: Console) -> int:
    """The sizes of each foot and of the pair."""
    from station.messages import table
    from station.orders import sha256
    from station.sizes import SizeOptions, read_measurements, size_document

    source, say = Source.given(args.measurements), console.say
    feet = read_measurements(source.path)
    systems: tuple[System, ...] = ALL if args.system == "all" else (args.system,)
    options = SizeOptions(args.us_women, args.sex, args.cn_type_one)
    document = size_document(source.name, sha256(source.path), feet, systems, options)
    console.document(document)
    columns = [(say(f"side.{foot['side']}"), foot) for foot in document["feet"]]
    if document["pair"] is not None:
        columns.append((say("size.pair"), document["pair"]))
    rows = [["", *(title for title, _ in columns)]]
    rows.append([say("name.foot_length_mm"), *(f"{foot['length_mm']:.1f} mm" for _, foot in columns)])
    rows += [
        [say(f"size.{system}"), *(_shown(foot["sizes"][system], say) for _, foot in columns)] for system in systems
    ]
    if "jp" in systems and args.sex:
        rows.append([say("size.jp_width"), *(_shown(foot["jp_width"], say) for _, foot in columns)])
    console.print(table(rows))
    pair = document["pair"]
    if pair is not None:
        console.print(say("size.longer", side=say(f"side.{pair['longer']}"), by=f"{pair['difference_mm']:.1f}"))
        if pair["half_size_or_more"]:
            console.print(say("size.apart"))
        low, high = pair["inner_length_mm"]
        console.print(say("size.inner", low=f"{low:.0f}", high=f"{high:.0f}"))
    return DONE


def _shown(size: Mapping[str, Any], say: Texts) -> str:
    if size["size"] is None:
        return f"– ({size['reason']})"
    kind, _, number = str(size["size"]).partition(" ")
    text = say("size.scale_child", size=number) if kind == "child" else str(size["size"])
    return text if size["reason"] is None else f"{text} ({size['reason']})"
