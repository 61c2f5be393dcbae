"""What a spec may say: everything that means nothing is refused before anything is opened, with what it could be."""

from __future__ import annotations

from collections.abc import AsyncIterator

import numpy as np
import pytest

from devices import products
from devices.errors import DeviceError, SpecError
from devices.ports import Port
from devices.products import Product, check
from devices.specs import OPTIONS, TRANSPORTS, parse
from devices.streams import aopen
from devices.types import Decoded


async def nothing(port: Port) -> AsyncIterator[Decoded]:
    for item in ():
        yield item


FOUR = Product("four", "four-sensor insole", ("serial",), nothing, options=("gain",))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("serial:/dev/x?foo=1", "options among product, side, baud, found foo=; correct it, or leave it out"),
        ("serial:/dev/x?product=sensel&rows=3", "options among product, side, baud, detail, rate_hz, found rows="),
        ("ble:ORPHE?mood=fifo", "options among product, side, scan_s, settle_s, radio, mode, .*found mood="),
        ("sim:orphe?rows=3", "drop_every_s, mode, start_s, found rows="),
        ("replay:a.mcap?side=left", "options among device, part, speed, found side="),
        ("watch:scans?polls=1", "options among poll, settle, give_up, existing, found polls="),
        ("realsense:?side=left", "options among width, .* found side="),
        ("depth:a.png?fxx=1", "options among near_mm, .* found fxx="),
        ("serial:", "expected a port, as in serial:/dev/ttyUSB0 or serial:COM3, found none"),
        ("ble:", "expected a name or an address, as in ble:ORPHE-1234, or .product=, found none"),
        ("ble:?side=left", "expected a name or an address"),
        ("sim:", "expected a product, as in sim:board, found none"),
        ("replay:", "expected a file"),
        ("watch:", "expected a folder"),
        ("depth:", "expected a file or a folder"),
        ("serial:/dev/x?product=orphe", "expected ble: for ORPHE INSOLE, found serial:"),
        ("ble:X?product=nope", "expected a product, one of board, .*, found nope; correct it"),
        ("sim:board?seed=1&seed=2", "each option once"),
        ("sim:board?side=both", "found side=both"),
        ("nope", "no colon"),
        ("usb:x", "one of serial:, ble:, .*, found usb:"),
    ],
)
def test_a_spec_that_means_nothing_is_refused(spec: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        aopen(spec)
    assert isinstance(caught.value, DeviceError)


@pytest.mark.parametrize(
    "spec",
    [
        "serial:COM3?baud=9600&side=left",
        "serial:?product=sensel&detail=medium",
        "ble:?product=orphe&mode=fifo&radio=127.0.0.1:1",
        "ble:X?mode=fifo&rate_hz=3",
        "sim:velostat?rows=4&cols=4&pitch_mm=3&seed=2&loss=0.1",
        "sim:?product=board&rate_hz=20",
        "realsense:",
        "watch:scans?existing=yes",
    ],
)
def test_a_spec_that_means_something_is_taken(spec: str) -> None:
    check(parse(spec))


def test_a_product_of_somebody_else_names_its_own_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "_others", lambda: {"four": type("Point", (), {"load": lambda self: FOUR})()})
    check(parse("serial:/dev/x?product=four&gain=3"))
    check(parse("serial:/dev/x?gain=3"), FOUR)
    for spec, product in (("serial:/dev/x?product=four&gian=3", None), ("serial:/dev/x?gian=3", FOUR)):
        with pytest.raises(SpecError, match="options among product, side, baud, gain, found gian="):
            aopen(spec, product=product)


def test_any_misspelt_option_is_refused(rng: np.random.Generator) -> None:
    assert set(OPTIONS) == set(TRANSPORTS)
    for transport, known in OPTIONS.items():
        for word in known:
            letters = list(word)
            letters.insert(int(rng.integers(len(letters) + 1)), chr(97 + int(rng.integers(26))))
            wrong = "".join(letters)
            address = "board" if transport == "sim" else "x"
            if wrong in known:  # mm becomes another one
                continue
            with pytest.raises(SpecError, match=f"found {wrong}="):
                check(parse(f"{transport}:{address}?{wrong}=1"))
