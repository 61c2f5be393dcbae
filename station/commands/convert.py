"""``plantar convert``: one file format into another, scans into scans, recordings into recordings."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from station.errors import DONE, UsageError
from station.results import Source, ended_early

if TYPE_CHECKING:
    from footscan.io import Format
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser


def arguments(parser: Parser, say: Texts) -> None:
    """What is read and what is written."""
    parser.inputs.add_argument("source", metavar="IN", help=say("convert.in"))
    parser.inputs.add_argument("target", metavar="OUT", help=say("convert.out"))


def run(args: argparse.Namespace, console: Console) -> int:
    """Read IN by its content, write OUT by the end of its name."""
    from footscan import io
    from station.documents import convert_document
    from station.orders import sha256

    source, target = Source.given(args.source), Source.given(args.target)
    if source.path.exists() and target.path.exists() and source.path.samefile(target.path):
        raise UsageError(f"{target.name}: expected another file than the input, found the same; choose another name")
    if target.path.is_dir():
        raise UsageError(f"{target.name}: expected a file's name, found a folder; give the name of a file in it")
    found = io.detect(source.path)
    wanted = _target(found, target.path, io.FORMATS)
    write: Callable[[], None]
    early = None
    with console.progress(2) as bar:
        bar.step(console.say("pressure.reading", name=source.name))
        if found.kind == "scan":
            geometry = io.read_geometry(source.path)
            write = partial(io.write_geometry, target.path, geometry)
        else:
            recording = io.read_recording(source.path)
            early = ended_early(source.name, recording)
            write = partial(io.write_recording, target.path, recording)
        bar.step(console.say("convert.writing", name=target.name))
        try:
            write()
        except ValueError as error:  # the format has no place for what the input holds
            other = "; .csv and .parquet hold every recording" if found.kind == "recording" else ""
            raise UsageError(
                f"{target.name}: expected a format that can hold {source.name}, found {error}{other}"
            ) from error
    if early is not None:
        console.note(early)
    console.document(convert_document(source.name, found.name, target.path.name, wanted.name, sha256(target.path)))
    console.print(
        console.say("convert.done", source=source.name, format=found.name, target=target.name, wanted=wanted.name)
    )
    return DONE


def _target(found: Format, target: Path, formats: tuple[Format, ...]) -> Format:
    """The format that the target's name asks for; UsageError where it can't be written, or from this input."""
    suffix = target.suffix.lower()
    fits = [f for f in formats if f.writable and suffix in f.written]
    for fmt in fits:
        if fmt.kind == found.kind:
            return fmt
    names = ", ".join(sorted({s for f in formats if f.writable and f.kind == found.kind for s in f.written}))
    if fits:
        raise UsageError(
            f"{target}: expected a {found.kind} format for a {found.kind}, found {suffix}; choose one of {names}"
        )
    raise UsageError(f"{target}: expected a name that ends in one of {names}, found {suffix or 'no ending'}")
