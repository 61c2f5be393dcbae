"""The order of samples, the choice among devices, and specs: all without a device."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from devices import products
from devices.errors import DeviceError, DeviceLost
from devices.ports import Candidate, Inbox, choose
from devices.sequence import Order
from devices.specs import parse
from devices.types import UNCOUNTED, ChannelInfo, DeviceInfo, Gap, Packet, packet

WRAP_S = (1 << 32) * 1e-6


def line(rate_hz: float | None = 100.0, modulus: int | None = None) -> Order:
    return Order(DeviceInfo("p", "n", (ChannelInfo("x", "1", 1, rate_hz, seq_modulus=modulus),), clock_wrap_s=WRAP_S))


def block(seq: int, count: int, host_s: float | None = None) -> Packet:
    numbers = np.arange(seq, seq + count)
    return packet("x", seq, numbers * 0.01, (seq + count) * 0.01 if host_s is None else host_s, numbers[:, None] * 1.0)


def test_whatever_order_they_come_in_numbers_and_gaps_cover_everything_once(rng: np.random.Generator) -> None:
    starts = np.cumsum(rng.integers(1, 5, 300))
    blocks = [block(int(a), int(b - a)) for a, b in pairwise(starts)]
    kept = [b for b in blocks[1:] if rng.random() > 0.1]
    doubled = sorted((*kept, *(b for b in kept if rng.random() < 0.1)), key=lambda b: b.seq + rng.uniform(0, 8))
    order, out = line(), []
    for one in (blocks[0], *doubled):
        out += order.push(one)
    out += order.flush()
    covered = [
        n
        for item in out
        for n in range(item.seq, item.seq + (item.count if isinstance(item, Gap) else len(item.values)))
    ]
    assert covered == list(range(covered[0], covered[-1] + 1))
    values = np.concatenate([item.values[:, 0] for item in out if isinstance(item, Packet)])
    assert (values == np.unique(np.concatenate([b.values[:, 0] for b in (blocks[0], *kept)]))).all()


def test_a_block_that_overlaps_what_was_there_is_cut() -> None:
    order = line()
    out = [*order.push(block(0, 6)), *order.push(block(4, 6))]
    assert [item.seq for item in out] == [0, 6] and len(out[1].values) == 4


def test_uncounted_samples_pass() -> None:
    order = line()
    for one in [replace(block(0, 1), seq=UNCOUNTED)] * 3:
        assert order.push(one) == [one]


def test_a_counter_that_begins_anew_alone_is_put_right_by_the_clock() -> None:
    order = line(modulus=1 << 16)
    order.push(block(50_000, 10))
    order.reconnected()
    late = packet("x", 3, np.arange(50_510, 50_520) * 0.01, 505.2, np.zeros((10, 1)))
    gap, out = order.push(late)
    assert isinstance(gap, Gap) and (gap.seq, gap.exact) == (50_010, False)
    assert gap.count == pytest.approx(500, abs=1) and isinstance(out, Packet) and out.seq == gap.seq + gap.count


def test_a_full_inbox_drops_the_oldest_and_counts() -> None:
    inbox = Inbox("x", 3)
    for number in range(5):
        inbox.put(bytes([number]), 0.0)
    assert inbox.dropped == 2 and asyncio.run(inbox.get()).data == b"\x02"


# ------------------------------------------------------------------ choosing


def test_of_two_with_one_name_the_address_decides() -> None:
    two = [Candidate("C4:01", "ORPHE", "s1"), Candidate("C4:02", "ORPHE", "s2"), Candidate("D0:07", "Other")]
    with pytest.raises(DeviceError, match=r"one device named ORPHE, found 2: C4:01 \(ORPHE, s1\), C4:02"):
        choose("ble:ORPHE", "ORPHE", two)
    assert choose("ble:x", "c4:02", two) is two[1] and choose("ble:x", "s1", two) is two[0]
    assert choose("ble:x", "oth", two) is two[2]
    with pytest.raises(DeviceLost, match="found C4:01"):
        choose("ble:x", "FAU", two)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ttyUSB0", "no colon"),
        ("usb:0", "found usb:"),
        ("ble:X?side=both", "side=both"),
        ("ble:X?a=1&a=2", "each option once"),
        ("ble:X?side", "key=value"),
    ],
)
def test_a_spec_that_means_nothing_says_what_was_expected(text: str, why: str) -> None:
    with pytest.raises(DeviceError, match=why):
        parse(text)


def test_a_spec_comes_apart_and_back() -> None:
    spec = parse("serial:/dev/ttyUSB0?product=sensel&side=left&baud=9600")
    assert (spec.transport, spec.address, spec.product, spec.side) == ("serial", "/dev/ttyUSB0", "sensel", "left")
    assert str(spec) == "serial:/dev/ttyUSB0?product=sensel&side=left&baud=9600" and spec.name == "serial:/dev/ttyUSB0"
    assert spec.number("baud", 1, 50, 1e6) == 9600
    with pytest.raises(DeviceError, match="baud from 50 to 100"):
        spec.number("baud", 1, 50, 100)


def test_an_unknown_product_lists_the_known() -> None:
    with pytest.raises(DeviceError, match=r"a product, one of board, orphe.*found nonesuch"):
        products.load("nonesuch")
