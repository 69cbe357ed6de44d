"""Looking for RHX on this machine."""

import pytest

from rig_adapters.intan import scan
from rig_adapters.scanning import Answer


def test_an_rhx_that_waits_is_found_by_its_name_and_no_other_program_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ports = {5000: "IntanRHX.exe", 5001: "", 5002: "python", 7000: "IntanRHX.exe"}
    monkeypatch.setattr(scan, "listening_ports", lambda: ports)
    assert list(scan.look("intan")) == [
        Answer("intan", "127.0.0.1:5000", "IntanRHX.exe waits for commands"),
        Answer("intan", "127.0.0.1:7000", "IntanRHX.exe waits at a port of its own choice"),
    ]
