"""The conversation tables: what they do not allow raises, and changes nothing."""

import itertools

import numpy as np
import pytest

from rig_adapters.errors import LocalProtocolError, RemoteProtocolError
from rig_adapters.wire import messages as m
from rig_adapters.wire.conversation import (
    COMMON,
    FOLDERS,
    RIG,
    STIMULUS,
    Conversation,
    Script,
    Speaker,
)

SCRIPTS = pytest.mark.parametrize(
    "script", [STIMULUS, RIG, FOLDERS], ids=lambda script: script.peer
)
CLOSED = ("closing", "closed", "faulted")


def states_of(script: Script) -> set[str]:
    return {*script.transitions, *CLOSED}


def speaker_of(script: Script, kind: type[m.Message]) -> Speaker:
    return (COMMON | dict(script.speakers))[kind]


def every_case(script: Script) -> list[tuple[str, type[m.Message]]]:
    return list(itertools.product(sorted(states_of(script)), script.vocabulary))


def conversation(script: Script, speaker: Speaker, state: str) -> Conversation:
    talk = Conversation(script, speaker)
    talk.state = state
    return talk


@SCRIPTS
def test_what_the_table_does_not_allow_raises_on_both_ends_and_changes_nothing(
    script: Script,
) -> None:
    refused = [case for case in every_case(script) if script.next_state(*case) is None]
    assert refused
    for state, kind in refused:
        message = kind.model_construct()
        sender = speaker_of(script, kind)
        hearer: Speaker = "peer" if sender == "daemon" else "daemon"
        sending, hearing = (conversation(script, side, state) for side in (sender, hearer))
        with pytest.raises(LocalProtocolError, match=kind.wire_name):
            sending.sending(message)
        with pytest.raises(RemoteProtocolError, match=kind.wire_name):
            hearing.received(message)
        assert (sending.state, hearing.state) == (state, state)


@SCRIPTS
def test_what_the_table_allows_leads_both_ends_to_the_same_known_state(script: Script) -> None:
    for state, kind in every_case(script):
        expected = script.next_state(state, kind)
        if expected is None:
            continue
        sender = speaker_of(script, kind)
        hearer: Speaker = "peer" if sender == "daemon" else "daemon"
        sending, hearing = (conversation(script, side, state) for side in (sender, hearer))
        sending.sending(kind.model_construct())
        hearing.received(kind.model_construct())
        assert sending.state == hearing.state == expected
        assert expected in states_of(script)


@SCRIPTS
def test_nobody_may_use_the_others_words(script: Script) -> None:
    for state, kind in every_case(script):
        sender = speaker_of(script, kind)
        hearer: Speaker = "peer" if sender == "daemon" else "daemon"
        with pytest.raises(LocalProtocolError):
            conversation(script, hearer, state).sending(kind.model_construct())
        with pytest.raises(RemoteProtocolError):
            conversation(script, sender, state).received(kind.model_construct())


@SCRIPTS
def test_every_state_can_be_reached_and_left(script: Script) -> None:
    reached, new = set[str](), {"connected"}
    while new:
        reached |= new
        steps = {script.next_state(s, kind) for s in new for kind in script.vocabulary}
        new = {state for state in steps if state is not None} - reached
    assert reached == states_of(script)


@SCRIPTS
def test_words_of_the_other_conversation_are_refused(script: Script) -> None:
    others = {kind for other in (STIMULUS, RIG, FOLDERS) for kind in other.speakers}
    for kind in others - set(script.speakers):
        with pytest.raises(LocalProtocolError):
            Conversation(script, "daemon").sending(kind.model_construct())
        with pytest.raises(RemoteProtocolError):
            Conversation(script, "daemon").received(kind.model_construct())


def test_a_whole_recording_is_allowed_from_both_ends() -> None:
    spikes = m.SpikesRecorded(
        sequence=0,
        from_rig_s=0.0,
        through_rig_s=1.0,
        spike_rig_s=np.zeros(0),
        spike_unit_ids=np.zeros(0, np.int32),
        sync_rig_s=np.zeros(0),
        fixation_broken_rig_s=np.zeros(0),
        clock_host_s=0.0,
        clock_rig_s=0.0,
        clock_uncertainty_s=0.0,
        busy_s=0.0,
    )
    daemon, peer = Conversation(RIG, "daemon"), Conversation(RIG, "peer")
    for message in (
        m.ConfigureRig(settings={}, seed=0, time="real", light_endpoint=None),
        m.RigConfigured(
            adapter="x",
            simulated=True,
            sample_rate_hz=1.0,
            units=(),
            capabilities=frozenset(),
            versions={},
        ),
        m.StartRecording(),
        m.RecordingStarted(host_time_s=0.0, rig_time_s=0.0),
        spikes,
        m.StopRecording(),
        spikes,
        m.RecordingStopped(last_sequence=1),
        m.Shutdown(),
        m.ShutDown(),
    ):
        speaks = speaker_of(RIG, type(message)) == "daemon"
        sender, hearer = (daemon, peer) if speaks else (peer, daemon)
        sender.sending(message)
        hearer.received(message)
    assert daemon.state == peer.state == "closed"
