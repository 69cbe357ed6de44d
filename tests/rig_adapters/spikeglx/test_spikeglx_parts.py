"""Replies cut anywhere, fills of zeros, layouts and settings, without any SpikeGLX."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rig_adapters.acquisition.source import RecorderError
from rig_adapters.spikeglx.fills import Fills
from rig_adapters.spikeglx.layout import Layout
from rig_adapters.spikeglx.settings import IMEC, NI, SpikeGlxSettings
from rig_adapters.spikeglx.wire import Answer, Block, Refused, Replies, Unreadable

VALUES = np.arange(-6, 6, dtype="<i2").reshape(4, 3)
SAID = (
    b"30000.012345\nOK\nOK\nERROR FETCH: Too late.\n"
    b"BINARY_DATA 3 4 uint64(4294967299)\n" + VALUES.tobytes() + b"OK\n"
    b"BINARY_DATA 3 0 uint64(7)\nOK\n"
)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_replies_are_the_same_however_they_were_cut(pieces: list[int]) -> None:
    replies, found, at = Replies(), [], 0
    for size in [*pieces, len(SAID)]:
        replies.feed(SAID[at : at + size])
        at += size
        while (reply := replies.next()) is not None:
            found.append(reply)

    assert found[:3] == [Answer(("30000.012345",)), Answer(()), Refused("FETCH: Too late.")]
    whole, empty = found[3:]
    assert isinstance(whole, Block)
    assert isinstance(empty, Block)
    assert whole.first_sample == 2**32 + 3
    np.testing.assert_array_equal(whole.values, VALUES)
    assert (empty.first_sample, empty.values.shape) == (7, (0, 3))


@pytest.mark.parametrize(
    "said",
    [
        b"BINARY_DATA 1 1 uint64(0)\n\0\0KO\n",
        b"BINARY_DATA 99999 99999 uint64(0)\n",
        b"x" * 70_000,
        b"x\n" * 20_000,
    ],
)
def test_what_is_no_reply_is_refused(said: bytes) -> None:
    replies = Replies()
    replies.feed(said)
    with pytest.raises(Unreadable):
        replies.next()


@settings(max_examples=200, deadline=None)
@given(
    runs=st.lists(st.tuples(st.booleans(), st.integers(1, 40)), min_size=1, max_size=8),
    cuts=st.lists(st.integers(0, 320), max_size=8).map(sorted),
)
def test_runs_of_zeros_are_left_out_and_nothing_else_is(
    runs: list[tuple[bool, int]], cuts: list[int]
) -> None:
    # Four live channels and one that is always 0: twelve zeros in a row are no coincidence.
    zero = np.concatenate([np.full(n, is_zero) for is_zero, n in runs])
    values = np.where(zero[:, None], 0, np.arange(1, 6)).astype(np.int16)
    values[:, 4] = 0
    expected = np.ones(zero.size, np.bool_)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], zero, [False]]))).reshape(-1, 2)
    for start, stop in edges.tolist():
        expected[start:stop] = stop - start < 12
    # What the end is, only a later sample tells.
    if zero[-1]:
        expected[edges[-1][0] :] = False

    fills, told = Fills(np.arange(5) < 4), np.zeros(zero.size, np.bool_)
    bounds = [0, *(cut for cut in cuts if cut < zero.size), zero.size]
    for start, stop in pairwise(bounds):
        for at, part in fills.split(1000 + start, values[start:stop]):
            np.testing.assert_array_equal(part, values[at - 1000 : at - 1000 + len(part)])
            assert not told[at - 1000 : at - 1000 + len(part)].any()
            told[at - 1000 : at - 1000 + len(part)] = True
    np.testing.assert_array_equal(told, expected)


def test_channels_are_found_by_their_names_and_lines_by_their_words() -> None:
    ni = Layout.read(NI, (8.0, 2.0, 3.0, 2.0))
    assert [ni.analog(name) for name in ("MN0", "XA2", "12")] == [0, 12, 12]
    assert [ni.line(line) for line in (1, 16, 17, 32)] == [(13, 0), (13, 15), (14, 0), (14, 15)]
    assert Layout.read(-IMEC, (384.0, 384.0, 1.0)).line(7) == (768, 6)
    for name in ("XA3", "XD0", "13", "SY0", "photodiode"):
        with pytest.raises(RecorderError, match="no analog channel"):
            ni.analog(name)
    with pytest.raises(RecorderError, match="no digital line 33"):
        ni.line(33)
    with pytest.raises(RecorderError, match="counts the channels"):
        Layout.read(NI, (8.0, 2.0))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"stream": "nidq", "filtered": True}, "only imec"),
        ({"detect": [{"channels": "3-1", "threshold_uv": -50}]}, "must be a list"),
        ({"detect": 2 * [{"channels": [1], "threshold_uv": -50}]}, "named twice"),
        ({"detect": [{"channels": [1]}]}, "threshold_uv or threshold_noise"),
        ({"stream": "imec"}, "stream"),
    ],
)
def test_settings_that_cannot_be_are_refused(change: dict[str, Any], why: str) -> None:
    table = {
        "host": "127.0.0.1",
        "stream": "imec1",
        "filtered": True,
        "detect": [{"channels": "2-4", "threshold_noise": -4.5}],
        "sync": {"kind": "none"},
        "run": "operator",
    }
    good = SpikeGlxSettings.model_validate(table)
    assert (good.js_ip(), list(good.detected())) == ((-2, 1), [2, 3, 4])
    with pytest.raises(ValidationError, match=why):
        SpikeGlxSettings.model_validate({**table, **change})
