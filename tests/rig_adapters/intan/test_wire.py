"""Bytes of RHX and what they say: the same however the streams are cut, and whatever harms them."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig_adapters.intan.wire import (
    ARTIFACT,
    FRAMES,
    UNSORTED,
    Blocks,
    Chunks,
    SpikeDecoder,
    WaveformDecoder,
    unwrapped,
)

BLOCK_MAGIC = bytes.fromhex("087af02e")
SPIKE_MAGIC = bytes.fromhex("0f71e23a")


def block(first: int, words: tuple[int, ...] = ()) -> bytes:
    """One block whose frames all have the same words."""
    frames = b"".join(
        ((first + n) % 2**32).to_bytes(4, "little")
        + b"".join(word.to_bytes(2, "little") for word in words)
        for n in range(FRAMES)
    )
    return BLOCK_MAGIC + frames


def chunk(name: str, timestamp: int, spike_id: int) -> bytes:
    return SPIKE_MAGIC + name.encode() + timestamp.to_bytes(4, "little") + bytes([spike_id])


def pieces(stream: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({0, *(cut % (len(stream) + 1) for cut in cuts), len(stream)})
    return [stream[start:end] for start, end in itertools.pairwise(ends)]


def decoded_blocks(decoder: WaveformDecoder, parts: list[bytes]) -> Blocks:
    found = [decoder.feed(part) for part in parts]
    return Blocks(
        np.concatenate([each.firsts for each in found]),
        np.concatenate([each.words for each in found]),
    )


def decoded_spikes(decoder: SpikeDecoder, parts: list[bytes]) -> Chunks:
    found = [decoder.feed(part) for part in parts]
    return Chunks(
        np.concatenate([each.names for each in found]),
        np.concatenate([each.timestamps for each in found]),
        np.concatenate([each.ids for each in found]),
    )


@pytest.mark.parametrize("words", [(), (7,), (7, 65535, 0)])
def test_a_block_is_believed_once_the_next_one_has_begun(words: tuple[int, ...]) -> None:
    decoder = WaveformDecoder(len(words))
    assert decoder.feed(block(256, words)).firsts.size == 0
    assert decoder.feed(BLOCK_MAGIC[:3]).firsts.size == 0
    found = decoder.feed(BLOCK_MAGIC[3:])
    assert found.firsts.tolist() == [256]
    assert found.words.shape == (1, FRAMES, len(words))
    assert (found.words == np.array(words, np.uint16)).all()


@given(st.data())
def test_any_cutting_of_a_harmed_waveform_stream_gives_the_same_blocks(data: st.DataObject) -> None:
    parts = data.draw(
        st.lists(
            st.one_of(
                st.integers(0, 50).map(lambda n: block(FRAMES * n, (n,))),
                st.binary(max_size=40),
                st.tuples(st.integers(0, 50), st.integers(0, 771)).map(
                    lambda cut: block(FRAMES * cut[0], (cut[0],))[: cut[1]]
                ),
                st.just(BLOCK_MAGIC),
            ),
            max_size=8,
        )
    )
    # What stands at the end is decided by what follows.
    stream = b"".join(parts) + block(FRAMES * 51, (51,)) + BLOCK_MAGIC
    cuts = data.draw(st.lists(st.integers(0, 10_000), max_size=12))
    at_once, in_pieces = WaveformDecoder(1), WaveformDecoder(1)
    whole = decoded_blocks(at_once, [stream])
    cut = decoded_blocks(in_pieces, pieces(stream, cuts))
    np.testing.assert_array_equal(cut.firsts, whole.firsts)
    np.testing.assert_array_equal(cut.words, whole.words)
    assert in_pieces.discarded == at_once.discarded
    # What is believed was sent, and each block has its own word throughout, but for what may
    # happen to stand in place of the last word.
    assert (whole.words[:, :-1, 0] == whole.firsts[:, None] // FRAMES).all()


def test_a_waveform_stream_cut_at_every_single_byte_gives_the_same_blocks() -> None:
    stream = block(0, (1,)) + b"\x08\x7a\xf0" + block(128, (2,)) + block(256, (3,)) + BLOCK_MAGIC
    for at in range(len(stream) + 1):
        decoder = WaveformDecoder(1)
        found = decoded_blocks(decoder, [stream[:at], stream[at:]])
        assert found.firsts.tolist() == [128, 256]
        assert decoder.discarded == len(block(0, (1,))) + 3


def test_a_block_without_its_next_is_not_believed_and_the_ones_after_it_are() -> None:
    stream = block(0) + block(128)[:300] + block(256) + block(384) + BLOCK_MAGIC
    decoder = WaveformDecoder(0)
    assert decoder.feed(stream).firsts.tolist() == [0, 256, 384]
    assert decoder.discarded == 300


def test_a_block_whose_timestamps_do_not_count_up_by_one_is_not_believed() -> None:
    harmed = bytearray(block(128))
    harmed[4 + 4 * 17] ^= 1
    decoder = WaveformDecoder(0)
    found = decoder.feed(block(0) + bytes(harmed) + block(256) + BLOCK_MAGIC)
    assert found.firsts.tolist() == [0, 256]
    assert decoder.discarded == len(harmed)


def test_a_wrong_number_of_words_gives_no_block_at_all() -> None:
    decoder = WaveformDecoder(1)
    stream = b"".join(block(128 * n, (5, 6)) for n in range(20))
    assert decoder.feed(stream).firsts.size == 0
    assert decoder.discarded > 0


def test_timestamps_begin_anew_within_a_block() -> None:
    found = WaveformDecoder(0).feed(block(2**32 - 50) + BLOCK_MAGIC)
    assert found.firsts.tolist() == [2**32 - 50]


def test_what_has_come_of_the_next_block_is_known_where_it_follows_on() -> None:
    decoder = WaveformDecoder(1)
    decoder.feed(block(0, (1,)) + block(128, (1,))[: 4 + 6 * 10 + 3])
    assert decoder.arrived_after(128) == 10
    assert decoder.arrived_after(256) == 0


@given(st.data())
def test_any_cutting_of_a_harmed_spike_stream_gives_the_same_spikes(data: st.DataObject) -> None:
    spike = st.tuples(
        st.sampled_from(["A-000", "B-127"]),
        st.integers(0, 2**32 - 1),
        st.sampled_from([1, 2, 4, 8, UNSORTED, ARTIFACT]),
    )
    parts = data.draw(
        st.lists(
            st.one_of(
                spike.map(lambda each: chunk(*each)),
                st.binary(max_size=20),
                st.tuples(spike, st.integers(0, 13)).map(lambda cut: chunk(*cut[0])[: cut[1]]),
                st.just(SPIKE_MAGIC),
            ),
            max_size=12,
        )
    )
    # What stands at the end is decided by what follows.
    stream = b"".join(parts) + 3 * chunk("A-001", 2**32 - 1, 8)
    cuts = data.draw(st.lists(st.integers(0, 10_000), max_size=12))
    at_once, in_pieces = SpikeDecoder(), SpikeDecoder()
    whole = decoded_spikes(at_once, [stream])
    cut = decoded_spikes(in_pieces, pieces(stream, cuts))
    for one, other in zip(vars(whole).values(), vars(cut).values(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert in_pieces.discarded == at_once.discarded


def test_spikes_are_found_again_behind_what_is_none() -> None:
    stream = chunk("A-010", 77, 0x40) + b"rubbish" + chunk("A-011", 78, 3) + chunk("H-127", 79, 8)
    decoder = SpikeDecoder()
    found = decoder.feed(stream)
    assert found.names.tolist() == [b"A-010", b"H-127"]
    assert found.timestamps.tolist() == [77, 79]
    assert found.ids.tolist() == [0x40, 8]
    # An id that RHX does not send is not at the place of an id.
    assert decoder.discarded == len(b"rubbish") + 14


@given(st.integers(0, 2**40), st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5))
def test_timestamps_stand_for_the_samples_that_are_nearest(near: int, away: list[int]) -> None:
    samples = [near + each for each in away]
    timestamps = np.array([sample % 2**32 for sample in samples], np.uint32)
    assert unwrapped(timestamps, near).tolist() == samples
