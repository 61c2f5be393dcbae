"""``plantar kiosk``: the studio's web page for a touch screen, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from station.errors import DONE, UsageError
from station.extras import need

if TYPE_CHECKING:
    from station.console import Console
    from station.messages import Texts
    from station.parser import Parser

SCHEMA = "plantar/kiosk/1"
PORT, LOOPBACK = 8765, "127.0.0.1"
MODULES = ("fastapi", "uvicorn", "jinja2", "sqlalchemy", "alembic", "cryptography", "argon2", "segno", "websockets")


def arguments(parser: Parser, say: Texts) -> None:
    """Whose store, and who may ask."""
    from station.store import FOLDER

    add = parser.inputs.add_argument
    add("--data", metavar="DIR", default=FOLDER, help=say("kiosk.data", default=FOLDER))
    add("--url", metavar="URL", help=say("store.url"))
    add("--port", metavar="N", type=port, default=PORT, help=say("kiosk.port", default=PORT))
    add("--host", metavar="ADDRESS", default=LOOPBACK, help=say("kiosk.host", default=LOOPBACK))
    add("--name", metavar="NAME", action="append", default=[], help=say("kiosk.name"))
    add("--tls-cert", metavar="FILE", default="", help=say("kiosk.tls_cert"))
    add("--tls-key", metavar="FILE", default="", help=say("kiosk.tls_key"))
    add("--scan", metavar="SPEC", default="", help=say("kiosk.scan"))
    add("--walk", metavar="SPEC", action="append", default=[], help=say("kiosk.walk"))


def port(text: str) -> int:
    """0 (any that is free) to 65535; argparse reports what is none."""
    if not text.isdigit() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, found {text!r}")
    return int(text)


def run(args: argparse.Namespace, console: Console) -> int:
    """Open the store, listen, answer."""
    from dataclasses import replace

    for module in MODULES:
        need(module, "kiosk", "plantar kiosk")
    if args.url and args.url.startswith("postgresql"):
        need("psycopg", "postgres", "plantar kiosk --url")
    from station.kiosk.pages import BUILD
    from station.kiosk.settings import read_settings
    from station.kiosk.sources import check_spec
    from station.kiosk.walks import walker

    _leave_no_core()
    if not (BUILD / "kiosk.js").is_file():
        raise UsageError(
            f"{BUILD}: expected the kiosk's pages, found none; make setup builds them where npm is, a wheel has them"
        )
    settings = read_settings(Path(args.data))
    settings = replace(settings, scan=args.scan or settings.scan, walk=tuple(args.walk) or settings.walk)
    check_spec(settings.scan)
    walker(settings.walk)
    wide = args.host not in (LOOPBACK, "localhost", "::1")
    _check_names(args, wide)
    from station.kiosk.serving import listening
    from station.store import open_store

    with open_store(args.data, args.url) as store, contextlib.closing(listening(args.host, args.port)) as listener:
        from station.kiosk.app import create_app
        from station.kiosk.certificate import certificate_for
        from station.kiosk.security import Access

        number = listener.getsockname()[1]
        given = (Path(args.tls_cert), Path(args.tls_key)) if args.tls_cert else None
        tls = certificate_for(store.folder, given, (*args.name, args.host)) if wide or given else None
        access = Access.at(args.host, number, args.name, tls is not None)
        address = f"{'https' if tls else 'http'}://{args.name[0] if args.name else args.host}:{number}/"
        app = create_app(store, settings, access)
        asyncio.run(_serve(app, listener, tls, lambda: _announce(console, address, settings)))
    return DONE


def _leave_no_core() -> None:
    """Whatever ends this process: what it has in memory (keys, names, feet) is not written to a disk."""
    with contextlib.suppress(ImportError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _check_names(args: argparse.Namespace, wide: bool) -> None:
    if bool(args.tls_cert) != bool(args.tls_key):
        raise UsageError("--tls-cert and --tls-key: expected both or none, found one; give the other")
    if wide and not args.name:
        raise UsageError(
            f"--host {args.host}: expected a name under which others ask this machine, found none; give --name"
        )
    for name in args.name:
        if not name or not all(c.isalnum() or c in ".-" for c in name) or not name.isascii():
            raise UsageError(
                f"--name {name}: expected a host's name or address without port, found another; correct it"
            )


def _announce(console: Console, address: str, settings: Any) -> None:
    from station.kiosk.sources import is_simulated

    simulated = is_simulated(settings.scan) or any(is_simulated(spec) for spec in settings.walk)
    console.document({"schema": SCHEMA, "url": address, "simulated": simulated})
    console.print(console.say("kiosk.ready", address=address))
    if simulated:
        console.note(console.say("kiosk.simulated"))


async def _serve(app: Any, listener: socket.socket, tls: tuple[Path, Path] | None, ready: Callable[[], None]) -> None:
    """Until somebody stops it: what is open is answered, then all is closed."""
    from station.kiosk.serving import server_of

    server = server_of(app, tls)
    server.ready = ready

    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, stop)
    await server.serve(sockets=[listener])
