"""What all tests share: a rotating seed that is printed, the real data next door, the print shop's own tools.

`--seed N` (or PLANTAR_SEED=N) repeats a run: the header prints the seed of each. Every test draws from its own stream,
so the order of the tests and a selection of them change nothing.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
SEED_KEY = pytest.StashKey[int]()

hypothesis.settings.register_profile(  # the same whether CI is set or not
    "plantar",
    database=None,
    deadline=None,
    derandomize=False,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("plantar")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=None, help="repeats a run (default: PLANTAR_SEED or new)")


@pytest.hookimpl(tryfirst=True)  # before hypothesis takes its own option
def pytest_configure(config: pytest.Config) -> None:
    seed = getattr(config, "workerinput", {}).get("plantar_seed", config.getoption("--seed"))
    if seed is None:
        seed = int(os.environ.get("PLANTAR_SEED") or secrets.randbelow(2**31))
    config.stash[SEED_KEY] = seed
    config.option.hypothesis_seed = str(seed)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a background job's children would not hear Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is not None and signal.getsignal(hangup) is signal.SIG_IGN:  # nor those of nohup that the line is gone
        signal.signal(hangup, signal.SIG_DFL)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Every process of a run draws from the run's one seed."""
    node.workerinput["plantar_seed"] = node.config.stash[SEED_KEY]


def pytest_report_header(config: pytest.Config) -> str:
    return f"plantar: seed {config.stash[SEED_KEY]} (repeat with --seed {config.stash[SEED_KEY]})"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if terminalreporter.stats.get("failed") or terminalreporter.stats.get("error"):
        terminalreporter.write_line(f"plantar: repeat with --seed {config.stash[SEED_KEY]}")


def absent(what: str) -> None:
    """Skips with the reason; fails where CI=true, for there nothing may be missing."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"{what}, and CI=true", pytrace=False)
    pytest.skip(what)


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """This test's own seed, from the run's seed and the test's name."""
    return zlib.crc32(f"{request.config.stash[SEED_KEY]} {request.node.nodeid}".encode())


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """This test's own random stream."""
    return np.random.default_rng(seed)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real scans and recordings at ../shared/data from the project's root; they are never copied into it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        absent("the real data are not at ../shared/data beside this checkout")
    return folder


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    """tool("admesh") is the path of that program."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            absent(f"the program {name} is not installed (Debian: apt-get install {name})")
        return str(path)

    return find
