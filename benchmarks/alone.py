"""Runs a program where there is no network but a loopback of its own: `python alone.py PROGRAM …`.

`python alone.py --with PID PROGRAM …` runs another one in the same place. Linux only; without the right to a network of
one's own (some containers) it exits with 3.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
import sys
from pathlib import Path

NEW_USER, NEW_NET = 0x10000000, 0x40000000
SET_FLAGS, UP_AND_RUNNING = 0x8914, 0x1 | 0x40
NO_RIGHT = 3


def leave() -> bool:
    """This process gets an empty network; False where it may not."""
    libc, uid, gid = ctypes.CDLL(None, use_errno=True), os.geteuid(), os.getegid()
    if libc.unshare(NEW_NET | (NEW_USER if uid else 0)):
        return False
    if uid:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP_AND_RUNNING))
    return True


def join(pid: str) -> bool:
    """This process gets the network of that one."""
    libc = ctypes.CDLL(None, use_errno=True)
    for kind in ("user", "net"):
        there = f"/proc/{pid}/ns/{kind}"
        if os.readlink(there) == os.readlink(f"/proc/self/ns/{kind}"):
            continue
        handle = os.open(there, os.O_RDONLY)
        if libc.setns(handle, 0):
            return False
        os.close(handle)
    return True


def main(words: list[str]) -> None:
    joined = words[:1] == ["--with"]
    if not (join(words[1]) if joined else leave()):
        sys.exit(NO_RIGHT)
    program = words[2:] if joined else words
    os.execvp(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1:])
