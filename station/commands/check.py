"""``plantar check``: can this mesh be printed and worn?"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from station.errors import DONE, SOME_FAILED
from station.results import Source

if TYPE_CHECKING:
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser


def arguments(parser: Parser, say: Texts) -> None:
    """One mesh file."""
    parser.inputs.add_argument("file", metavar="FILE", help=say("check.file"))


def run(args: argparse.Namespace, console: Console) -> int:
    """Every check with its value; 1 where one fails."""
    from insole import check
    from station.documents import check_document
    from station.messages import table
    from station.orders import sha256
    from station.prescriptions import checks

    source, say = Source.given(args.file), console.say
    report = check(source.path)
    console.document(check_document(source.name, sha256(source.path), report.ok, checks(report)))
    console.print(say("check.ok" if report.ok else "check.bad", name=source.name))
    console.print(
        table(
            [
                [
                    say("check.yes" if item.ok else "check.advice" if item.advice else "check.no"),
                    item.name,
                    item.message,
                ]
                for item in report.items
            ]
        )
    )
    if report.ok:
        return DONE
    wrong = "; ".join(item.message for item in report.items if not (item.ok or item.advice))
    console.fail(f"{source.name}: expected a mesh that can be printed, found: {wrong}; repair it or make it again")
    return SOME_FAILED
