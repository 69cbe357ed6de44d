"""Sessions with something broken in one of their processes, from a given block or onset on.

`break_(name)` is called in every process of such a session before anything else is, and replaces
one function in the process that the fault belongs to. What is broken is what has been broken in
real experiments: everything goes on as if nothing were wrong, and scores belong to other images.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

PATIENCE_S = 600.0
"""How long a daemon waits for its audit, on a machine that is busy otherwise."""
FIRST_BLOCK = 2
"""The first block with a fault of the daemon."""
FIRST_LATE_ONSET = 640
"""The first onset at which a late rig responds to the image before: in block 9 or 10."""


def break_(name: str) -> None:
    """Break the process that the fault belongs to; leave all others alone."""
    if "controller.daemon" in sys.orig_argv:
        from controller.daemon import audit

        audit.KEEP_UP_S = audit.CONCLUDE_S = PATIENCE_S
    module, fault = FAULTS[name]
    if module in sys.orig_argv:
        fault()


def scores_permuted() -> None:
    """Score every image with the responses of another, and believe it."""

    def permuted(made: Any) -> Any:
        scores = np.roll(made.scores, 1)
        return replace(made, scores=scores, told_scores=scores.copy())

    _change_scored(permuted)


def told_scores_permuted() -> None:
    """Log the right scores and tell others."""
    _change_scored(lambda made: replace(made, told_scores=np.roll(made.told_scores, 1)))


def counts_shifted() -> None:
    """Count the spikes of each presentation for the one before."""
    from controller import recording

    true = recording.count_spikes

    def shifted(*arguments: Any) -> Any:
        return np.roll(true(*arguments), -1, axis=0)

    recording.count_spikes = shifted


def images_permuted() -> None:
    """Take each presentation for that of another image."""
    from controller import showing

    true = showing.presentation_table

    def permuted(*arguments: Any) -> Any:
        table = true(*arguments)
        order = np.roll(np.arange(len(table.image_id)), 1)
        return replace(table, image_id=table.image_id[order], thread_id=table.thread_id[order])

    showing.presentation_table = permuted


def rig_one_image_late() -> None:
    """Let the neurons answer each image with what the image before evokes."""
    from rig_adapters.sim.simulation import Simulation

    true, last = Simulation.evoked_hz, []

    def late(self: Any, sha256: str, place: Any) -> Any:
        evoked_hz = true(self, sha256, place)
        before = last.pop() if last else evoked_hz
        last.append(evoked_hz)
        return before if self._n_onsets >= FIRST_LATE_ONSET else evoked_hz

    Simulation.evoked_hz = late  # type: ignore[method-assign]  # that is what is broken


def _change_scored(change: Callable[[Any], Any]) -> None:
    from controller import session

    true = session.score_generation

    def scored(running: Any, *arguments: Any) -> Any:
        made = true(running, *arguments)
        return change(made) if running.block >= FIRST_BLOCK else made

    session.score_generation = scored


FAULTS: dict[str, tuple[str, Callable[[], None]]] = {
    "scores permuted": ("controller.daemon", scores_permuted),
    "told scores permuted": ("controller.daemon", told_scores_permuted),
    "counts shifted": ("controller.daemon", counts_shifted),
    "images permuted": ("controller.daemon", images_permuted),
    "rig one image late": ("rig_adapters.sim", rig_one_image_late),
}
