"""The second process: the same answers, the same errors, and gone when its owner is."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial
from types import MappingProxyType

import pytest
from station_runs import ROOT, environment

from footscan.errors import ReadError
from station.helper import Helper, beside, share


def test_answers_errors_and_records_come_through() -> None:
    with Helper() as helper:
        assert helper.submit(math.hypot, 3.0, 4.0).result() == 5.0
        assert helper.submit(os.getpid).result() != os.getpid()
        mapping = helper.submit(_mapping, MappingProxyType({"a": 1})).result()
        assert isinstance(mapping, MappingProxyType) and dict(mapping) == {"a": 1}
        with pytest.raises(ReadError) as caught:
            helper.submit(_refuse, "a.stl").result()
        assert caught.value.file == "a.stl" and caught.value.found == "a shopping list"
        with pytest.raises(ValueError):
            helper.submit(math.sqrt, -1.0).result()
        assert helper.submit(print, "not into the channel").result() is None
        assert helper.submit(math.sqrt, 9.0).result() == 3.0


def _mapping(items: MappingProxyType[str, int]) -> MappingProxyType[str, int]:
    assert isinstance(items, MappingProxyType)
    return items


def _refuse(name: str) -> None:
    raise ReadError(name, "a scan", "a shopping list")


def test_shared_work_is_the_same_work() -> None:
    jobs = {n: partial(math.factorial, n) for n in range(20)}
    alone = share(None, jobs)
    with Helper() as helper:
        together = share(helper, jobs)
    assert list(together.items()) == list(alone.items())
    with beside(worth=False) as nobody:
        assert nobody is None


def test_an_error_on_either_side_ends_the_sharing() -> None:
    with Helper() as helper:
        for bad in (0, 7):
            jobs = {n: partial(math.sqrt, -1.0 if n == bad else 4.0) for n in range(8)}
            with pytest.raises(ValueError):
                share(helper, jobs)


def test_a_helper_that_is_ended_from_outside_is_no_silence() -> None:
    with Helper() as helper:
        pid = helper.submit(os.getpid).result()
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(MemoryError):
            helper.submit(math.sqrt, 4.0).result()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_helper_leaves_with_its_owner() -> None:
    script = """
        import os, time
        from station.helper import Helper
        with Helper() as helper:
            print(helper.submit(os.getpid).result(), flush=True)
            time.sleep(60)
    """
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, env=environment(), stdout=subprocess.PIPE
    )
    assert owner.stdout is not None
    with owner:
        pid = int(owner.stdout.readline())
        assert alive(pid)
        owner.kill()
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)
