"""The command line as argparse sees it, in the language that was asked for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from station import commands
from station.errors import USAGE, one_line
from station.messages import LANGUAGES, Texts

PROG = "plantar"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, ends with exit code 2, and has its headings from the language file."""

    def __init__(self, say: Texts, **options: Any) -> None:
        super().__init__(add_help=False, allow_abbrev=False, formatter_class=_formatter(say), **options)
        self.say = say
        self.inputs = self.add_argument_group(say("help.arguments"))
        self.options = self.add_argument_group(say("help.options"))

    def error(self, message: str) -> NoReturn:
        """One line on stderr, exit 2."""
        print(f"{PROG}: {one_line(message)}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(USAGE)


def _formatter(say: Texts) -> type[argparse.HelpFormatter]:
    class Formatter(argparse.RawDescriptionHelpFormatter):
        def add_usage(
            self,
            usage: str | None,
            actions: Iterable[argparse.Action],
            groups: Iterable[argparse._MutuallyExclusiveGroup],
            prefix: str | None = None,
        ) -> None:
            super().add_usage(usage, actions, groups, say("help.usage") if prefix is None else prefix)

    return Formatter


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *rest: object) -> NoReturn:
        from station.version import version

        print(f"{PROG} {version()}")
        parser.exit()


def _common(parser: Parser, default: Any) -> None:
    """What every command takes; ``default`` SUPPRESS leaves alone what stood before the command's name."""
    say, group = parser.say, parser.options
    group.add_argument("--json", action="store_true", default=default, help=say("help.json"))
    group.add_argument("--lang", choices=LANGUAGES, default=default or "en", help=say("help.lang"))
    group.add_argument("--debug", action="store_true", default=default, help=say("help.debug"))
    group.add_argument("-h", "--help", action="help", help=say("help.help"))


def build(say: Texts) -> Parser:
    """The whole parser: ``plantar`` and its commands."""
    top = Parser(say, prog=PROG, description=say("plantar.description"), epilog=say("plantar.example"))
    _common(top, default=False)
    top.options.add_argument("--version", action=_Version, nargs=0, help=say("help.version"))
    subs = top.add_subparsers(title=say("help.commands"), metavar=say("help.command"), dest="command", required=True)
    for name in commands.NAMES:
        parser = subs.add_parser(
            name,
            say=say,
            help=say(f"{name}.help"),
            description=say(f"{name}.description"),
            epilog=say(f"{name}.example"),
        )
        commands.load(name).arguments(parser, say)
        _common(parser, default=argparse.SUPPRESS)
    return top


def early_language(argv: Sequence[str]) -> str:
    """The language of the help texts, wanted before anything is parsed: the last ``--lang``, else English."""
    found = "en"
    for i, word in enumerate(argv):
        value = (
            word[7:] if word.startswith("--lang=") else argv[i + 1] if word == "--lang" and i + 1 < len(argv) else ""
        )
        found = value if value in LANGUAGES else found
    return found
