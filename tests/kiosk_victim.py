"""``plantar kiosk`` again and again, each in a fork of this process, so that none has to import anything.

python tests/kiosk_victim.py     reads {"arguments", "most"}, a line a kiosk, and {} to kill the one that runs

A kiosk's line is what it says itself with --json; {"ended": code} follows when it was killed. ``most``: the largest
file that it may write, as on a full disk; its child processes set a limit of their own.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import uvicorn
import uvicorn.protocols.http.h11_impl
import uvicorn.protocols.websockets.websockets_sansio_impl

from station import cli
from station.commands import kiosk
from station.kiosk import app, customer, takeaway
from station.kiosk.processing import Workers
from station.kiosk.staff import mounting
from station.store import migrating, privacy

WARM = (uvicorn, kiosk, customer, takeaway, mounting, migrating, privacy)


def live(asked: dict[str, Any]) -> int:
    """One kiosk's life, with one child process, started when it is needed."""
    if asked["most"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (asked["most"], resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    app.Workers = lambda count: Workers(1, warm=False)
    return cli.main(["kiosk", "--json", "--port", "0", *asked["arguments"]])


def main() -> None:
    pid = 0
    for line in sys.stdin:
        asked = json.loads(line)
        if pid:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
            pid = 0
            os.write(1, json.dumps({"ended": os.waitstatus_to_exitcode(status)}).encode() + b"\n")
        if asked:
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    code = live(asked)
                finally:
                    sys.stdout.flush()
                    os._exit(code)
    if pid:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
