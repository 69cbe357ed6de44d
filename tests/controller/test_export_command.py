"""`neuroloop export nwb`: what it writes, says, refuses, and leaves behind."""

import json
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pynwb
import pytest
from nwbinspector import Importance, inspect_nwbfile, load_config
from typer.testing import CliRunner, Result

import sessions.nwb.pixels
from controller.cli.app import app
from controller.cli.exits import Exit
from controller.cli.export import MissingExtra
from controller.config.sharing import SharingTables
from controller.config.tables import SessionConfig
from controller.errors import ConfigError
from sessions.committed import commit_of
from sessions.journal import Journal
from sessions.reader import open_log
from sessions.testing.synthetic import (
    SyntheticSession,
    facts_of,
    synthetic_record,
    write_synthetic_log,
)

SMALL = SyntheticSession(generations=1, population_size=20, n_references=2)
NAME = "sub-nobody_ses-synthetic-1.nwb"
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "export_nwb.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a session that was cut off."""
    path = write_synthetic_log(tmp_path_factory.mktemp("cut"), SMALL, end=None)
    # What a writer that was killed leaves beside it is nothing to an export.
    path.with_name(".session.h5.twin").unlink()
    return path.parent


@pytest.fixture
def session(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "session"))


def export(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["export", "nwb", *map(str, arguments)])


def metadata_of_the_manual(folder: Path) -> Path:
    text = PAGE.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    file = folder / "lab.toml"
    file.write_text(text, "utf-8")
    return file


def test_it_writes_beside_the_log_and_says_what_dandi_lacks(session: Path) -> None:
    done = export(session)

    assert done.exit_code == 0, done.output
    assert f"Wrote {session / NAME}: 1 blocks, " in done.output
    assert "The session was cut off" in done.output
    assert "DANDI will refuse it without: subject.species" in done.output
    assert "--metadata FILE.toml" in done.output
    assert sorted(p.name for p in session.iterdir()) == ["session.h5", NAME]


def test_what_the_manual_tells_of_an_animal_leaves_dandi_nothing_to_want(
    session: Path, tmp_path: Path
) -> None:
    lab, out = metadata_of_the_manual(tmp_path), tmp_path / "out.nwb"

    done = export(session, "--metadata", lab, "--out", out, "--json")

    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["missing_for_dandi"] == []
    assert told["not_in_it"] == ["The session was cut off: the file ends with its last block."]
    assert told["path"] == str(out)
    assert told["n_bytes"] == out.stat().st_size
    assert pynwb.validate(path=str(out)) == []
    found = {
        m.check_function_name
        for m in inspect_nwbfile(
            nwbfile_path=str(out),
            config=load_config("dandi"),
            importance_threshold=Importance.BEST_PRACTICE_VIOLATION,
        )
    }
    # The recorder's sample rate, which a synthetic session lacks.
    assert found == {"check_units_resolution_is_set"}
    with pynwb.NWBHDF5IO(out, "r") as io:
        nwb = io.read()
        given = tomllib.loads(lab.read_text("utf-8"))
        assert nwb.subject.subject_id == "nobody"
        assert nwb.subject.date_of_birth.date().isoformat() == given["subject"]["date_of_birth"]
        assert list(nwb.experimenter) == given["lab"]["experimenter"]
        assert nwb.electrode_groups["probe"].device.description == given["electrodes"]["device"]


def test_a_generation_in_the_journal_alone_is_told_of(session: Path) -> None:
    start = open_log(session).start
    record = synthetic_record(SMALL, start, 1, np.random.default_rng(5))
    journal = Journal(session, 1)
    journal.append(*facts_of(record), commit_of(record))
    journal.sync()
    journal.close()
    before = sorted((p, p.stat().st_mtime_ns) for p in session.rglob("*") if p.is_file())

    done = export(session)

    assert done.exit_code == 0, done.output
    assert f"in the session's journal alone, and not in this file: neuroloop recover {session}" in (
        done.output
    )
    after = {(p, p.stat().st_mtime_ns) for p in session.rglob("*") if p.is_file()}
    assert after.issuperset(before), "the log was only read"


def test_ctrl_c_leaves_nothing_behind(session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sessions.nwb.pixels, "open_for_reading", interrupted)

    done = export(session)

    assert done.exit_code == Exit.ABORTED
    assert "interrupted; nothing was written" in done.output
    assert [p.name for p in session.iterdir()] == ["session.h5"]


def test_without_the_extra_it_says_how_to_get_it(
    session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("sessions.nwb.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(sessions.nwb, "writing", raising=False)
    monkeypatch.setitem(sys.modules, "pynwb", None)

    done = export(session)

    assert isinstance(done.exception, MissingExtra)
    assert "pip install 'neuroloop[nwb]'" in str(done.exception)


WRONG = {
    '[subject]\nspecis = "Macaca mulatta"': "subject.specis is not a known key",
    '[subject]\nage = "five"': "subject.age",
    '[electrodes]\nchannels = {a = "V4"}': "channels are numbers",
    "[display]": "display is not a known key",
    "[subject": "is not valid TOML",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_metadata_is_refused_before_anything_is_written(text: str, session: Path) -> None:
    (session.parent / "lab.toml").write_text(text, "utf-8")

    done = export(session, "--metadata", session.parent / "lab.toml")

    assert isinstance(done.exception, ConfigError)
    assert WRONG[text] in " ".join(done.exception.problems)
    assert [p.name for p in session.iterdir()] == ["session.h5"]


def test_the_tables_of_a_metadata_file_are_those_of_the_config() -> None:
    for name, field in SharingTables.model_fields.items():
        assert SessionConfig.model_fields[name].annotation in field.annotation.__args__
