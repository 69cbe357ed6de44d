"""`neuroloop keys`: a pair for its owner, what to copy, and a sentence where it cannot be done."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.cli import main
from controller.cli.keys_commands import default_folder
from rig_adapters.keys import connecting_keys, read_keys

Neuroloop = Callable[..., tuple[int, str, str]]


@pytest.fixture
def neuroloop(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Neuroloop:
    """Run a command in this process, for a user whose home is empty; return what it printed."""
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["neuroloop", "keys", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return call


@pytest.mark.parametrize("command", ["new", "list"])
def test_the_help_has_an_example(neuroloop: Neuroloop, command: str) -> None:
    status, out, _ = neuroloop(command, "--help")
    assert status == 0
    assert f"Example: neuroloop keys {command}" in " ".join(out.split())


def test_new_keys_lie_in_the_users_configuration_and_what_to_copy_is_said(
    neuroloop: Neuroloop, tmp_path: Path
) -> None:
    status, out, _ = neuroloop("new", "stimulus-pc")
    keys = read_keys(tmp_path / ".config" / "neuroloop" / "keys")
    assert status == 0
    assert keys.folder == default_folder()
    assert keys.name == "stimulus-pc"
    assert f"Copy {keys.folder}/stimulus-pc.key to" in out
    assert f'rig.keys = "{keys.folder}"' in out
    assert keys.secret.decode() not in out


def test_two_machines_that_follow_what_is_said_know_each_other(
    neuroloop: Neuroloop, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        assert neuroloop("new", name, "--folder", str(tmp_path / name))[0] == 0
    (tmp_path / "a" / "allowed" / "b.key").write_bytes((tmp_path / "b" / "b.key").read_bytes())
    status, out, _ = neuroloop("list", "--folder", str(tmp_path / "a"))
    other = read_keys(tmp_path / "b").public
    assert status == 0
    assert f"b: {other.decode()} (allowed)" in out
    assert connecting_keys(tmp_path / "a").other == other


def test_what_cannot_be_done_is_told_in_one_sentence(neuroloop: Neuroloop) -> None:
    status, _, err = neuroloop("list")
    assert (status, err.count("\n")) == (2, 1)
    assert "there is no folder of keys" in err
    assert neuroloop("new", "a")[0] == 0
    status, _, err = neuroloop("new", "b")
    assert (status, err.count("\n")) == (2, 1)
    assert "holds the pair a already" in err
