"""Which addresses need keys: all that anybody but this machine could reach, however spelled."""

from pathlib import Path

import pytest

from rig_adapters.endpoints import EndpointRefused, is_tcp, local, to_connect_to, to_listen_at
from rig_adapters.light import LightSource, LightWatcher
from rig_adapters.listener import Listener
from rig_adapters.wire.conversation import RIG, STIMULUS

HERE = {
    "ipc:///run/user/1000/rig": "ipc:///run/user/1000/rig",
    "inproc://rig": "inproc://rig",
    "tcp://127.0.0.1:5555": "tcp://127.0.0.1:5555",
    "tcp://127.0.0.1:*": "tcp://127.0.0.1:*",
    "tcp://127.8.9.10:5555": "tcp://127.8.9.10:5555",
    "tcp://[::1]:5555": "tcp://[::1]:5555",
    # As a number, so that nobody can give the name another meaning.
    "tcp://localhost:5555": "tcp://127.0.0.1:5555",
}
ELSEWHERE = (
    "tcp://*:5555",
    "tcp://0.0.0.0:5555",
    "tcp://0:5555",
    "tcp://[::]:5555",
    "tcp://[0:0:0:0:0:0:0:0]:5555",
    "tcp://[::ffff:127.0.0.1]:5555",
    "tcp://[fe80::1]:5555",
    "tcp://192.0.2.7:5555",
    "tcp://10.0.0.1:5555",
    "tcp://128.0.0.1:5555",
    "tcp://eth0:5555",
    "tcp://lo:5555",
    "tcp://rig-pc:5555",
    "tcp://rig.example.org:5555",
    "tcp://localhost.example.org:5555",
    "tcp://LOCALHOST:5555",
    # Spellings of 127.0.0.1 that some read otherwise.
    "tcp://127.1:5555",
    "tcp://2130706433:5555",
    "tcp://0x7f000001:5555",
    "tcp://0177.0.0.1:5555",
    "tcp://127.0.0.1.:5555",
)
NOT_ADDRESSES = (
    "",
    "tcp://",
    "tcp://127.0.0.1",
    "tcp://127.0.0.1:5555;192.0.2.7:5555",
    "tcp://127.0.0.1:5555 ",
    "tcp://127.0.0.1:5555\n",
    "tcp://127.0.0.1@192.0.2.7:5555",
    "tcp://::1:5555",
    "tcp://[::1%lo]:5555",
    "TCP://127.0.0.1:5555",
    "ipc://",
    "ipc://*",
    # No file: a name that every user of the machine can connect to.
    "ipc://@rig",
    "udp://127.0.0.1:5555",
    "ws://127.0.0.1:5555",
    "pgm://127.0.0.1;239.192.1.1:5555",
    "epgm://127.0.0.1;239.192.1.1:5555",
    "norm://127.0.0.1:5555",
    "tipc://{5560,0,0}",
    "vmci://*:5555",
    "127.0.0.1:5555",
)


@pytest.mark.parametrize("endpoint", HERE)
def test_what_only_this_machine_reaches_needs_no_keys(endpoint: str) -> None:
    assert local(endpoint) == HERE[endpoint]
    assert to_listen_at(endpoint, has_keys=False) == HERE[endpoint]
    assert to_connect_to(endpoint, has_keys=False) == HERE[endpoint]


@pytest.mark.parametrize("endpoint", ELSEWHERE)
def test_what_others_could_reach_needs_keys(endpoint: str) -> None:
    assert local(endpoint) is None
    with pytest.raises(EndpointRefused, match=r"needs keys: .*neuroloop keys new.*--keys"):
        to_listen_at(endpoint, has_keys=False)
    with pytest.raises(EndpointRefused, match="needs keys"):
        to_connect_to(endpoint, has_keys=False)
    assert to_listen_at(endpoint, has_keys=True) == endpoint


@pytest.mark.parametrize("endpoint", NOT_ADDRESSES)
@pytest.mark.parametrize("has_keys", [False, True])
def test_what_is_no_address_is_refused_with_and_without_keys(endpoint: str, has_keys: bool) -> None:
    assert local(endpoint) is None
    with pytest.raises(EndpointRefused, match="no address to listen at"):
        to_listen_at(endpoint, has_keys=has_keys)


@pytest.mark.parametrize("endpoint", [*ELSEWHERE, *NOT_ADDRESSES])
@pytest.mark.parametrize("script", [RIG, STIMULUS], ids=lambda script: script.peer)
def test_no_peer_listens_without_keys_where_others_could_connect(script, endpoint: str) -> None:
    with pytest.raises(EndpointRefused):
        Listener(endpoint, script, silence_limit_s=1.0)


@pytest.mark.parametrize("endpoint", [*ELSEWHERE, *NOT_ADDRESSES])
@pytest.mark.parametrize("end", [LightSource, LightWatcher])
def test_light_does_not_leave_the_machine(end, endpoint: str) -> None:
    with pytest.raises(EndpointRefused, match="light does not leave the machine"):
        end(endpoint)


def test_a_listener_says_which_port_it_found(tmp_path: Path) -> None:
    with Listener("tcp://localhost:*", RIG, silence_limit_s=1.0) as listener:
        assert is_tcp(listener.endpoint)
        assert listener.endpoint.startswith("tcp://127.0.0.1:")
    with Listener(f"ipc://{tmp_path}/rig", RIG, silence_limit_s=1.0) as listener:
        assert listener.endpoint == f"ipc://{tmp_path}/rig"
