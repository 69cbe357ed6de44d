"""The codec: every message survives the wire, and nothing else gets in."""

import itertools
import pickle
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pydantic import BaseModel

from rig_adapters.errors import LocalProtocolError, Reason, RemoteProtocolError
from rig_adapters.wire import codec as codec_module
from rig_adapters.wire import messages as m
from rig_adapters.wire.codec import TAG, Codec
from rig_adapters.wire.conversation import RIG, STIMULUS
from rig_adapters.wire.light import LIGHT_MESSAGES
from rig_adapters.wire.messages import ArrayType, Message

KINDS = tuple(dict.fromkeys([*STIMULUS.vocabulary, *RIG.vocabulary, *LIGHT_MESSAGES]))
CODEC = Codec(KINDS)

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
numbers = st.floats(0.5, 1e6, allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts | numbers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner),
    max_leaves=6,
)
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    str: texts,
    type(None): st.none(),
    Any: json_values,
}


def values_for(annotation: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    for mark in metadata:
        if isinstance(mark, ArrayType):
            shapes = hnp.array_shapes(
                min_dims=mark.ndim, max_dims=mark.ndim, min_side=0, max_side=4
            )
            return hnp.arrays(mark.dtype, shapes)
        if getattr(mark, "pattern", None):
            return st.text("0123456789abcdef", min_size=64, max_size=64)
        if annotation is str and getattr(mark, "min_length", None):
            return texts.filter(bool)
        if annotation in (int, float) and (hasattr(mark, "le") or hasattr(mark, "lt")):
            return within(annotation, metadata)
    if annotation is float:
        return numbers
    if annotation is int:
        low = max((mark.ge for mark in metadata if hasattr(mark, "ge")), default=1)
        high = min((mark.le for mark in metadata if hasattr(mark, "le")), default=255)
        return st.integers(max(1, low), high)
    if annotation in LEAVES:
        return LEAVES[annotation]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return instances(annotation)
    return generic(annotation)


def within(kind: type, limits: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    found = {
        name: value
        for limit in limits
        for name in ("ge", "gt", "le", "lt")
        if (value := getattr(limit, name, None)) is not None
    }
    low, high = found.get("ge", found.get("gt")), found.get("le", found.get("lt"))
    if kind is int:
        return st.integers(low, high)
    return st.floats(float(low), float(high), exclude_min="gt" in found, exclude_max="lt" in found)


def generic(annotation: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        marks = [getattr(mark, "metadata", [mark]) for mark in annotation.__metadata__]
        return values_for(arguments[0], tuple(itertools.chain(*marks)))
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values_for(arguments[0], ()), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*(values_for(one, ()) for one in arguments))
    if origin is frozenset:
        return st.frozensets(values_for(arguments[0], ()))
    if origin is dict:
        return st.dictionaries(texts, values_for(arguments[1], ()), max_size=3)
    if str(origin) == "typing.Literal":
        return st.sampled_from(arguments)
    return st.one_of(*(values_for(one, ()) for one in arguments))


def instances(kind: type[BaseModel]) -> st.SearchStrategy[Any]:
    fields = {
        name: values_for(field.annotation, tuple(field.metadata))
        for name, field in kind.model_fields.items()
    }
    return st.builds(kind, **fields)


any_message = st.sampled_from(KINDS).flatmap(instances)


def same(one: Message, other: Message) -> bool:
    def equal(a: Any, b: Any) -> bool:
        if isinstance(a, np.ndarray):
            return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        return bool(a == b)

    return type(one) is type(other) and all(
        equal(getattr(one, name), getattr(other, name)) for name in type(one).model_fields
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.wire_name)
def test_every_message_survives_the_wire(kind: type[Message]) -> None:
    @settings(max_examples=15, deadline=None)
    @given(instances(kind))
    def survives(message: Message) -> None:
        frames = [bytes(frame) for frame in CODEC.encode(message)]
        assert same(CODEC.decode(frames), message)

    survives()


@settings(max_examples=250, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_noise_is_no_message(frames: list[bytes]) -> None:
    with pytest.raises(RemoteProtocolError):
        CODEC.decode(frames)


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from([kind.wire_name for kind in KINDS]) | json_values,
    json_values | st.just({}),
    json_values
    | st.just([])
    | st.lists(st.tuples(st.text(max_size=3), st.just("<f8"), json_values)),
    st.lists(st.binary(max_size=16), max_size=3),
)
def test_a_header_with_anything_in_it_is_read_or_refused_but_never_crashes(
    name: Any, body: Any, arrays: Any, frames: list[bytes]
) -> None:
    header = codec_module.to_json({"type": name, "body": body, "arrays": arrays})
    try:
        message = CODEC.decode([TAG, header, *frames])
    except RemoteProtocolError:
        return
    assert message.wire_name == name


@settings(max_examples=250, deadline=None)
@given(any_message, st.data())
def test_a_message_that_was_damaged_is_read_or_refused_but_never_crashes(
    message: Message, data: st.DataObject
) -> None:
    frames = [bytes(frame) for frame in CODEC.encode(message)]
    which = data.draw(st.integers(0, len(frames) - 1))
    damaged = bytearray(frames[which])
    if damaged and data.draw(st.booleans()):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    else:
        damaged = damaged[: data.draw(st.integers(0, len(damaged)))]
    frames[which] = bytes(damaged)
    if data.draw(st.booleans()):
        frames = frames[: data.draw(st.integers(0, len(frames)))]
    try:
        decoded = CODEC.decode(frames)
    except RemoteProtocolError:
        return  # The only exception that may come.
    # Damage that is left a message, say in a number, must at least be one of the vocabulary.
    assert type(decoded) in KINDS


def test_a_message_of_another_vocabulary_is_refused() -> None:
    frames = [bytes(f) for f in CODEC.encode(m.StartRecording())]
    with pytest.raises(RemoteProtocolError, match="unknown message type 'StartRecording'"):
        Codec(STIMULUS.vocabulary).decode(frames)


def header_of(kind: str, body: str = "{}", arrays: str = "[]") -> bytes:
    return f'{{"type": "{kind}", "body": {body}, "arrays": {arrays}}}'.encode()


HUGE = "9" * 4200
LONG = "k" * 100_000


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        ([b"GET /", b""], Reason.FOREIGN),
        ([TAG], Reason.FOREIGN),
        ([TAG, header_of("Shutdown"), *[b""] * 9], Reason.OVERSIZE),
        ([TAG, b" " * (codec_module.MAX_HEADER_BYTES + 1)], Reason.OVERSIZE),
        ([TAG, b'{"type":' + b"[" * 100_000], Reason.HEADER),
        ([TAG, header_of("ConfigureRig", "[" * 250 + "]" * 250)], Reason.HEADER),
        ([TAG, header_of("ConfigureRig", '{"a":' * 250 + "1" + "}" * 250)], Reason.HEADER),
        ([TAG, header_of("Ping", f'{{"token": {"9" * 100_000}}}')], Reason.HEADER),
        ([TAG, header_of("Faulted", '{"what": "a\\u0000b"}')], Reason.HEADER),
        ([TAG, header_of("Hello\\u001b[2J\\n")], Reason.UNKNOWN_TYPE),
        ([TAG, header_of("Shutdown"), b""], Reason.ARRAY),
        (
            [TAG, header_of("ImagesLoaded", arrays=f'[["image_ids", "<i8", [{HUGE}]]]'), b""],
            Reason.ARRAY,
        ),
        (
            [
                TAG,
                header_of("ImagesUploaded", arrays=f'[["images", "|u1", [{HUGE}{",9" * 3}]]]'),
                b"",
            ],
            Reason.ARRAY,
        ),
        ([TAG, header_of("Ping", "{}")], Reason.BODY),
        ([TAG, header_of("Ping", f'{{"token": 1, "\\n{LONG}": 1}}')], Reason.BODY),
    ],
    ids=lambda item: item if isinstance(item, Reason) else "",
)
def test_what_is_refused_has_a_reason_and_one_short_line(
    frames: list[bytes], reason: Reason
) -> None:
    with pytest.raises(RemoteProtocolError) as refused:
        CODEC.decode(frames)
    assert refused.value.reason is reason
    assert len(str(refused.value)) <= codec_module.MAX_SENTENCE
    assert str(refused.value).isprintable()


class Mine:
    """Leaves a trace when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("trap"),)  # type: ignore[return-value]  # what an attacker writes


@pytest.mark.parametrize(
    "frames",
    [
        [pickle.dumps(Mine())],
        [TAG, pickle.dumps(Mine())],
        [TAG, header_of("Ping", '{"token": 1}'), pickle.dumps(Mine())],
        [TAG, header_of("ImagesLoaded", arrays='[["image_ids", "|O", [1]]]'), pickle.dumps(Mine())],
    ],
)
def test_a_pickle_is_refused_and_does_not_run(
    frames: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RemoteProtocolError):
        CODEC.decode(frames)
    assert not (tmp_path / "trap").exists()


def test_a_null_character_is_not_sent_but_the_text_about_it_is() -> None:
    with pytest.raises(LocalProtocolError, match="null character"):
        CODEC.encode(m.Faulted(what="\0"))
    for text in ("\\u0000", "\\\\u0000", "\\"):
        frames = [bytes(frame) for frame in CODEC.encode(m.Faulted(what=text))]
        assert CODEC.decode(frames) == m.Faulted(what=text)


def test_another_version_is_refused_by_its_tag() -> None:
    header = bytes(CODEC.encode(m.StartRecording())[1])
    with pytest.raises(RemoteProtocolError, match="another program or version"):
        CODEC.decode([b"neuroloop/0", header])


def test_an_array_of_another_type_is_refused_before_it_is_read() -> None:
    frames = [bytes(f) for f in CODEC.encode(m.ImagesLoaded(image_ids=np.arange(3)))]
    frames[1] = frames[1].replace(b"<i8", b"<f8")
    with pytest.raises(RemoteProtocolError, match=r"ImagesLoaded\.image_ids has dtype <f8"):
        CODEC.decode(frames)


@pytest.mark.parametrize("side", [2**62, 2**70])
def test_an_empty_array_of_absurd_shape_is_refused(side: int) -> None:
    shape = [0, side, side, 3]
    header = codec_module.to_json(
        {
            "type": "ImagesUploaded",
            "body": {"sha256s": []},
            "arrays": [["images", "|u1", shape]],
        }
    )
    with pytest.raises(RemoteProtocolError, match=r"has (shape|a side that no array has)"):
        CODEC.decode([TAG, header, b""])


def test_what_the_receiver_would_refuse_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_module, "MAX_ARRAY_BYTES", 16)
    with pytest.raises(LocalProtocolError, match="too large"):
        CODEC.encode(m.ImagesLoaded(image_ids=np.arange(3)))


def test_arrays_arrive_read_only() -> None:
    frames = [bytes(f) for f in CODEC.encode(m.ImagesLoaded(image_ids=np.arange(3)))]
    message = CODEC.decode(frames)
    assert isinstance(message, m.ImagesLoaded)
    with pytest.raises(ValueError, match="read-only"):
        message.image_ids[0] = 7
