"""Whether NWB files are sound: pynwb's validation, DANDI's inspection, and the same file again.

A session that was cut off is inspected where the command is tested.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import pynwb
import pytest
from nwbinspector import Importance, inspect_nwbfile, load_config

from sessions.nwb.drafts import ExportError

from .conftest import Pair, export

UNKNOWN = {
    # No recording system has told a synthetic session its sample rate.
    "check_units_resolution_is_set",
    # A thread of 16 images of 16 pixels, and rows of colour: the first dimension is the image.
    "check_data_orientation",
}


@pytest.mark.parametrize("kind", ["finished", "of rates"])
def test_neither_pynwb_nor_dandi_finds_anything_wrong_with_a_session(
    kind: str, pair_of: Callable[[str], Pair]
) -> None:
    path = str(pair_of(kind).nwb)

    assert pynwb.validate(path=path) == []
    found = list(inspect_nwbfile(nwbfile_path=path, config=load_config("dandi")))
    assert found, "the inspector has at least wishes"
    serious = {
        message.check_function_name: message.message
        for message in found
        if message.importance.value > Importance.BEST_PRACTICE_SUGGESTION.value
    }
    assert {name: told for name, told in serious.items() if name not in UNKNOWN} == {}


def test_the_same_log_gives_the_same_file(tmp_path: Path, pair_of: Callable[[str], Pair]) -> None:
    pair = pair_of("finished")

    export(pair.log.path, tmp_path / "again.nwb")

    assert (tmp_path / "again.nwb").read_bytes() == pair.nwb.read_bytes()


def test_every_object_has_an_id_of_its_own(pair_of: Callable[[str], Pair]) -> None:
    ids: list[str] = []
    with h5py.File(pair_of("finished").nwb) as file:
        file.visititems(lambda _, thing: ids.append(thing.attrs.get("object_id", "")))

    given = [each for each in ids if each]
    assert len(given) > 100
    assert len(set(given)) == len(given)


def test_a_file_that_is_there_is_replaced_only_when_told_to(
    tmp_path: Path, pair_of: Callable[[str], Pair]
) -> None:
    log, there = pair_of("not begun").log.path, tmp_path / "there.nwb"
    there.write_bytes(b"mine")

    with pytest.raises(ExportError, match="--force"):
        export(log, there)
    assert there.read_bytes() == b"mine"

    export(log, there, force=True)
    assert pynwb.validate(path=str(there)) == []
    assert list(tmp_path.iterdir()) == [there]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError])
def test_an_export_that_ends_early_leaves_nothing_behind(
    fault: type[BaseException], tmp_path: Path, pair_of: Callable[[str], Pair]
) -> None:
    there = tmp_path / "there.nwb"
    there.write_bytes(b"mine")

    def fail(_doing: str, _done: int, _total: int) -> None:
        assert len(list(tmp_path.iterdir())) == 2, "the draft is beside the file"
        raise fault

    with pytest.raises(fault):
        export(pair_of("finished").log.path, there, force=True, progress=fail)
    assert list(tmp_path.iterdir()) == [there]
    assert there.read_bytes() == b"mine"
