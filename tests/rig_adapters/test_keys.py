"""Folders of keys: made safe, read only while they are, and refused with what to type."""

import os
import shutil
from pathlib import Path

import pytest

from rig_adapters.keys import (
    KeysRefused,
    connecting_keys,
    listening_keys,
    make_keys,
    read_keys,
)
from rig_adapters.testing.acquaintance import acquainted, introduce, made


@pytest.fixture
def rig(tmp_path: Path) -> Path:
    """The keys of a rig that allows one daemon."""
    return acquainted(tmp_path)[0]


def test_two_machines_that_exchanged_their_keys_know_each_other(tmp_path: Path) -> None:
    rig, daemon = acquainted(tmp_path)
    assert connecting_keys(daemon).other == listening_keys(rig).public
    assert dict(listening_keys(rig).allowed) == {"daemon": read_keys(daemon).public}


def test_a_new_pair_is_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = made(tmp_path, "rig")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())}
    assert modes == {"rig": 0o700, "allowed": 0o700, "rig.key": 0o600, "rig.key_secret": 0o600}


def test_the_secret_is_not_shown(rig: Path) -> None:
    keys = read_keys(rig)
    assert keys.secret.decode() not in repr(keys)
    assert keys.secret.decode() in (rig / "rig.key_secret").read_text()
    assert keys.secret.decode() not in (rig / "rig.key").read_text()


def test_a_pair_is_never_replaced_by_accident(rig: Path) -> None:
    before = read_keys(rig)
    with pytest.raises(KeysRefused, match="holds the pair rig already"):
        make_keys(rig, "other")
    assert read_keys(rig) == before


@pytest.mark.parametrize("name", ["", "../rig", "a/b", ".rig", "rig pc", "-rf", "x" * 65])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeysRefused, match="no name for keys"):
        make_keys(tmp_path / "keys", name)
    assert not (tmp_path / "keys" / "allowed").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666])
def test_a_secret_that_others_can_read_is_refused_with_what_to_type(rig: Path, mode: int) -> None:
    secret = rig / "rig.key_secret"
    secret.chmod(mode)
    with pytest.raises(KeysRefused) as refused:
        listening_keys(rig)
    assert f"type: chmod 600 '{secret}'" in str(refused.value)
    secret.chmod(0o600)
    listening_keys(rig)


@pytest.mark.parametrize("place", [".", "allowed", "allowed/daemon.key"])
@pytest.mark.parametrize("bit", [0o020, 0o002])
def test_what_others_can_change_is_refused_with_what_to_type(
    rig: Path, place: str, bit: int
) -> None:
    changed = rig / place
    changed.chmod(changed.stat().st_mode | bit)
    with pytest.raises(KeysRefused) as refused:
        listening_keys(rig)
    assert f"type: chmod go-w '{changed}'" in str(refused.value)


def test_what_belongs_to_somebody_else_is_refused(
    rig: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = (rig / "rig.key_secret").stat().st_uid
    if owner == 0:
        os.chown(rig / "rig.key_secret", 12345, -1)
    monkeypatch.setattr(os, "geteuid", lambda: 54321 if owner else 0)
    with pytest.raises(KeysRefused, match=r"belongs to another user; type: sudo chown \$USER"):
        listening_keys(rig)


def test_a_link_is_not_followed_to_a_secret(rig: Path, tmp_path: Path) -> None:
    shutil.move(rig / "rig.key_secret", tmp_path / "elsewhere")
    (rig / "rig.key_secret").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeysRefused, match="is a link"):
        listening_keys(rig)


def test_an_empty_list_is_refused_where_somebody_is_to_connect(rig: Path) -> None:
    (rig / "allowed" / "daemon.key").unlink()
    with pytest.raises(KeysRefused, match=r"allowed is empty, so nobody could connect: copy"):
        listening_keys(rig)
    (rig / "allowed").rmdir()
    with pytest.raises(KeysRefused, match=r"allowed is empty"):
        listening_keys(rig)


@pytest.mark.parametrize("others", [0, 2])
def test_who_connects_must_know_exactly_one_other(tmp_path: Path, others: int) -> None:
    daemon = made(tmp_path, "daemon")
    for number in range(others):
        introduce(made(tmp_path, f"rig{number}"), daemon)
    with pytest.raises(KeysRefused, match=f"must hold one public key.*holds {others}"):
        connecting_keys(daemon)


def test_a_folder_without_a_pair_or_with_two_is_refused(tmp_path: Path, rig: Path) -> None:
    with pytest.raises(KeysRefused, match="no folder of keys"):
        read_keys(tmp_path / "nowhere")
    shutil.copy(rig / "rig.key_secret", rig / "second.key_secret")
    with pytest.raises(KeysRefused, match="must hold one file"):
        read_keys(rig)
    for secret in rig.glob("*.key_secret"):
        secret.unlink()
    with pytest.raises(KeysRefused, match="must hold one file"):
        read_keys(rig)


def test_a_secret_that_was_copied_to_the_list_is_a_secret_no_more(
    tmp_path: Path, rig: Path
) -> None:
    daemon = tmp_path / "daemon"
    shutil.copy(daemon / "daemon.key_secret", rig / "allowed")
    with pytest.raises(KeysRefused, match="secret no more"):
        listening_keys(rig)
    (rig / "allowed" / "daemon.key_secret").rename(rig / "allowed" / "daemon.key")
    with pytest.raises(KeysRefused, match="secret no more"):
        listening_keys(rig)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "public-key",
        'public-key = ""',
        'public-key = "short"',
        f'public-key = "{"x" * 45}"',
        f'public-key = "{"~" * 40}"',
        f'public-key = "{"%" * 40}"',
        "public-key = ../../etc/passwd",
        "cos\nsystem\n(S'touch trap'\ntR.",
    ],
)
def test_a_damaged_key_is_refused(rig: Path, content: str) -> None:
    (rig / "allowed" / "daemon.key").write_text(content)
    with pytest.raises(KeysRefused, match="cannot be read as a key"):
        listening_keys(rig)


def test_a_public_half_in_the_place_of_the_secret_is_refused(rig: Path) -> None:
    shutil.copy(rig / "rig.key", rig / "rig.key_secret")
    with pytest.raises(KeysRefused, match="holds no secret key"):
        listening_keys(rig)
