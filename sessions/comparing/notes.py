"""What a reader of a comparison has to know beside its numbers, in sentences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from sessions.analysis.paired import FEW
from sessions.comparing.conditions import Arm
from sessions.comparing.measures import Measured


def notes_on(pairs: Sequence[Measured], counted: Sequence[Measured]) -> Iterator[str]:
    """Yield a sentence for each thing that weakens what the numbers say."""
    n = len({each.pair.name for each in counted})
    if n < FEW:
        yield (
            f"With {n} session(s), tests over sessions mean little: signed ranks need {FEW} to "
            "reach p < 0.05, and an interval says what was seen rather than what holds."
        )
    apart = sum(not each.pair.interleaved for each in counted)
    if apart:
        yield (
            f"{apart} of {len(counted)} pair(s) are of two sessions each: all that changed between "
            "these is in their difference. Threads in one session share it."
        )
    if len(counted) > n:
        yield f"{len(counted)} pairs are in {n} session(s); each session counts once, by its mean."
    simulated = sum(each.pair.first.log.start.rig_simulated for each in counted)
    if simulated:
        yield f"{simulated} of {len(counted)} pair(s) are of simulated neurons."
    if len(counted) < len(pairs):
        yield f"{len(pairs) - len(counted)} pair(s) in which neither succeeded are not pooled."
    for each in pairs:
        yield from _of_pair(each)
    yield from _differing_settings(counted)


def _of_pair(measured: Measured) -> Iterator[str]:
    name, (a, b) = measured.pair.name, (measured.first, measured.second)
    longest = max(len(_generations(arm)) for arm in (measured.pair.first, measured.pair.second))
    if longest > len(measured.generations):
        yield (
            f"{name}: compared over the {len(measured.generations)} generations that both have, "
            f"of {longest}."
        )
    if a.images != b.images:
        yield (
            f"{name}: generations are of {a.images} and {b.images} images, so at an equal "
            "generation one had seen more of them."
        )
    if math.isnan(measured.scale):
        yield f"{name}: no generation has a mean score above 0, so it is not normalised."


def _generations(arm: Arm) -> set[int]:
    rows = arm.log.scores
    mine = (rows.thread_id == arm.thread.thread_id) & (rows.kind == "generated")
    return set(rows.generation[mine].tolist())


def _differing_settings(pairs: Sequence[Measured]) -> Iterator[str]:
    arms = [arm for each in pairs for arm in (each.pair.first, each.pair.second)]
    for condition in sorted({arm.condition for arm in arms}):
        made = {
            (
                arm.thread.optimizer,
                arm.thread.optimizer_settings_json,
                arm.thread.generator_sha256,
            )
            for arm in arms
            if arm.condition == condition
        }
        if len(made) > 1:
            yield (
                f"{condition} stands for {len(made)} different settings or generators in these "
                "sessions; inspect says which."
            )
