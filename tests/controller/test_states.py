"""The states of a session: a complete table, and nothing outside of it."""

import itertools

import pytest

from controller.states import FINAL, TRANSITIONS, Event, State, TransitionRefused, next_state

ALIVE = [state for state in State if state not in FINAL]
PAIRS = list(itertools.product(State, Event))
REFUSED = [(state, event) for state, event in PAIRS if event not in TRANSITIONS[state]]


def test_every_state_has_its_row_in_the_table() -> None:
    assert set(TRANSITIONS) == set(State)


def test_every_event_leads_somewhere_from_some_state() -> None:
    assert {event for row in TRANSITIONS.values() for event in row} == set(Event)


def test_an_event_of_the_table_leads_where_the_table_says() -> None:
    for state, row in TRANSITIONS.items():
        assert {event: next_state(state, event) for event in row} == row


def test_an_event_outside_of_the_table_is_refused_and_named() -> None:
    assert REFUSED
    for state, event in REFUSED:
        with pytest.raises(TransitionRefused) as refused:
            next_state(state, event)
        assert str(refused.value) == f"a session that is {state.value} cannot {event.value}"


def test_whatever_a_session_does_a_fault_ends_it() -> None:
    assert {next_state(state, Event.FAULT) for state in ALIVE} == {State.FAULTED}


def test_whatever_a_session_does_it_can_be_aborted() -> None:
    abortable = [state for state in ALIVE if state is not State.ABORTING]
    assert {next_state(state, Event.ABORT) for state in abortable} == {State.ABORTING}


def test_nothing_leads_out_of_a_final_state() -> None:
    assert all(not TRANSITIONS[state] for state in FINAL)
    assert all(TRANSITIONS[state] for state in ALIVE)


def reachable(start: State) -> set[State]:
    found, open_ends = {start}, [start]
    while open_ends:
        new = set(TRANSITIONS[open_ends.pop()].values()) - found
        found |= new
        open_ends += new
    return found


def test_every_state_can_be_reached_from_idle() -> None:
    assert reachable(State.IDLE) == set(State)


def test_from_every_state_a_session_can_finish() -> None:
    assert all(State.FINISHED in reachable(state) for state in ALIVE)


def test_a_session_only_runs_after_it_was_prepared() -> None:
    into_running = {
        (state, event)
        for state, row in TRANSITIONS.items()
        for event, target in row.items()
        if target is State.RUNNING and state is not State.RUNNING
    }

    assert into_running == {
        (State.PREPARING, Event.PREPARED),
        (State.PAUSING, Event.RESUME),
        (State.PAUSED, Event.RESUME),
        (State.INTERRUPTED, Event.RESTORED),
    }


@pytest.mark.parametrize(
    ("state", "meanwhile", "restored", "given_up"),
    [
        (State.RUNNING, State.INTERRUPTED, State.RUNNING, State.PAUSED),
        (State.PAUSING, State.PAUSED, State.PAUSED, State.PAUSED),
        (State.PAUSED, State.PAUSED, State.PAUSED, State.PAUSED),
        (State.FINISHING, State.FINISHING, State.FINISHING, State.FINISHING),
    ],
)
def test_what_the_operator_asked_for_outlasts_an_interruption(
    state: State, meanwhile: State, restored: State, given_up: State
) -> None:
    assert next_state(state, Event.LOST) is meanwhile
    assert next_state(meanwhile, Event.LOST) is meanwhile
    assert next_state(meanwhile, Event.RESTORED) is restored
    assert next_state(meanwhile, Event.GIVEN_UP) is given_up


def test_what_the_operator_asks_for_during_an_interruption_holds_afterwards() -> None:
    for command, meanwhile in ((Event.PAUSE, State.PAUSED), (Event.STOP, State.FINISHING)):
        assert next_state(State.INTERRUPTED, command) is meanwhile
        assert next_state(meanwhile, Event.RESTORED) is meanwhile
    assert next_state(State.PAUSED, Event.RETRY) is State.INTERRUPTED
    with pytest.raises(TransitionRefused, match="a session that is interrupted cannot resume"):
        next_state(State.INTERRUPTED, Event.RESUME)


def test_before_it_runs_and_while_it_ends_nothing_is_brought_back() -> None:
    for state in (State.IDLE, State.PREPARING, State.ABORTING, *FINAL):
        with pytest.raises(TransitionRefused):
            next_state(state, Event.LOST)


def test_no_block_can_end_in_a_session_that_is_paused() -> None:
    assert Event.BLOCK_ENDED not in TRANSITIONS[State.PAUSED]
    assert Event.COMPLETE not in TRANSITIONS[State.PAUSED]
