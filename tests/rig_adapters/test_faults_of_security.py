"""Messages that are meant to harm: a pickle that runs a program, and JSON made to fill the memory.

Oversize frames, floods and damaged messages are in test_hostile_messages and test_codec.
"""

import ast
import pickle
from pathlib import Path

import pytest

from rig_adapters.errors import RemoteProtocolError
from rig_adapters.wire.codec import TAG, Codec
from rig_adapters.wire.conversation import RIG, STIMULUS
from rig_adapters.wire.light import LIGHT_MESSAGES

ROOT = Path(__file__).parents[2]
PACKAGES = ("controller", "generators", "rig_adapters", "sessions")
CODECS = [Codec(RIG.vocabulary), Codec(STIMULUS.vocabulary), Codec(LIGHT_MESSAGES)]


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("codec", CODECS, ids=["rig", "stimulus", "light"])
def test_a_pickle_payload_is_refused_and_never_run(codec: Codec, tmp_path: Path) -> None:
    harm = pickle.dumps(Harmful(tmp_path / "harmed"))
    header = b'{"type":"Ping","arrays":[],"body":{"token":1}}'
    for frames in ([harm], [TAG, harm], [TAG, header, harm], [harm, header]):
        with pytest.raises(RemoteProtocolError):
            codec.decode(frames)
    assert not (tmp_path / "harmed").exists()
    pickle.loads(harm)  # noqa: S301 - that it would have harmed
    assert (tmp_path / "harmed").exists()


def test_nothing_that_unpickles_is_imported() -> None:
    found = []
    for path in (p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            found += [
                (path, n) for n in names if n.split(".")[0] in ("pickle", "marshal", "shelve")
            ]
    assert found == []


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 1_000_000,
        b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
        b'{"type":"Ping","arrays":[],"body":{"token":' + b"9" * 1_000_000 + b"}}",
        b'{"type":"Ping","arrays":[],"body":{"token":1e' + b"9" * 100_000 + b"}}",
        b'{"type":"Ping","arrays":[' + b"[]," * 500_000 + b'[]],"body":{"token":1}}',
        b'{"type":"Ping","arrays":[],"body":{' + b'"a":1,' * 500_000 + b'"token":1}}',
    ],
    ids=["nested lists", "nested tables", "digits", "exponent", "arrays", "keys"],
)
def test_a_json_bomb_is_refused(bomb: bytes) -> None:
    for codec in CODECS:
        with pytest.raises(RemoteProtocolError) as refused:
            codec.decode([TAG, bomb])
        assert len(str(refused.value)) < 1000
