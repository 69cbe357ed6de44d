"""The path through code space, always beside random walks of the same step sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from sessions.analysis.code_path import CodePath, NullWalk, code_path, null_walk
from sessions.analysis.null_theory import endless_walk_shares
from sessions.lab_report.of_thread import OfThread
from sessions.lab_report.plate import NotDrawn, Plate
from sessions.lab_report.style import (
    GENERATIONS,
    INK,
    NULL,
    QUIET,
    colour_bar,
    new_figure,
    whole_numbers,
)
from sessions.records import Floats

N_WALKS = 40
FEWEST_GENERATIONS = 4
_WALK_SEED = 1
"""Fixed, so that the same log always gives the same walks."""

NOT_EVIDENCE = "None of this is evidence that a neuron answered: the walks had none."


@dataclass(frozen=True, eq=False)
class CodeSpace:
    """The path of a thread, and walks that no neuron had a part in."""

    path: CodePath
    walks: Sequence[NullWalk]

    def walked(self, of: str) -> Floats:
        """Return something of every walk, the walks first."""
        return np.stack([getattr(walk, of) for walk in self.walks])


def code_space(thread: OfThread) -> CodeSpace | None:
    """Return the path of a thread's mean codes; None where it is too short to say anything."""
    rows = thread.reader.codes(thread.info.thread_id)
    if len(np.unique(rows.generation)) < FEWEST_GENERATIONS:
        return None
    rng = np.random.default_rng(np.random.SeedSequence(_WALK_SEED, spawn_key=(thread.index,)))
    walks = [null_walk(rows.code, rows.generation, rng) for _ in range(N_WALKS)]
    return CodeSpace(code_path(rows.code, rows.generation), walks)


def components(thread: OfThread, found: CodeSpace | None) -> Plate | NotDrawn:
    """Draw the mean codes along their principal components, beside a walk and its shares."""
    title = f"{thread.name}: path of the mean code, beside a random walk"
    if found is None:
        return _too_short(title)
    path, walk = found.path, found.walks[0]
    figure = new_figure(3.6)
    left, middle, right = figure.subplots(
        1, 3, width_ratios=(1.0, 1.0, 0.7), gridspec_kw={"wspace": 0.12}
    )
    norm = Normalize(path.generation[0], path.generation[-1])
    panels = ((left, path.projection, "evolution"), (middle, walk.projection, "one random walk"))
    for axes, projection, name in panels:
        axes.plot(projection[:, 0], projection[:, 1], color=QUIET, linewidth=0.8, zorder=1)
        axes.scatter(
            projection[:, 0], projection[:, 1], c=GENERATIONS(norm(path.generation)), s=26, zorder=2
        )
        axes.set(title=name, xlabel="component 1", aspect="equal", adjustable="datalim")
    left.set_ylabel("component 2")
    _draw_shares(right, thread, found)
    colour_bar(figure, [left, middle], GENERATIONS, norm, "generation")
    k = path.shares.size
    low, high = _range(found.walked("shares"))
    return Plate(
        name=f"{thread.stem}_components",
        title=title,
        caption=(
            f"Mean codes of {len(path.generation)} generations along the principal components of "
            f"their own path, beside a walk of the same step sizes in directions of chance. Parts "
            f"of the variance: evolution {_list(path.shares)}; {N_WALKS} walks, 95 % of them "
            f"within {_ranges(low, high)}; a very long walk {_list(endless_walk_shares(k))}. "
            f"{NOT_EVIDENCE}"
        ),
        figure=figure,
        columns={
            "path": np.repeat(["evolution", "walk"], len(path.generation)),
            "generation": np.tile(path.generation, 2),
            **{
                f"component_{i + 1}": np.concatenate([path.projection[:, i], walk.projection[:, i]])
                for i in range(k)
            },
        },
    )


def norms_and_steps(thread: OfThread, found: CodeSpace | None) -> Plate | NotDrawn:
    """Draw norm, step and angles by generation, the norm beside that of random walks."""
    title = f"{thread.name}: norm, step and angle by generation"
    if found is None:
        return _too_short(title)
    path, x = found.path, found.path.generation.astype(np.float64)
    low, high = _range(found.walked("mean_norm"))
    expected = found.walked("mean_norm").mean(axis=0)
    walk_angle = np.degrees(np.arctan2(path.step_size[1:], expected[:-1]))
    figure = new_figure(3.3)
    norms, steps, angles = figure.subplots(1, 3)
    norms.fill_between(x, low, high, color=NULL, alpha=0.3, linewidth=0)
    norms.plot(x, expected, color=NULL, linestyle=(0, (4, 2)), label="random walks")
    norms.plot(x, path.mean_norm, color=thread.colour, marker="o", ms=3, label="mean code")
    norms.plot(x, path.code_norm, color=thread.colour, alpha=0.5, lw=1, label="codes (mean)")
    steps.plot(x, path.step_size, color=thread.colour, marker="o", ms=3)
    angles.plot(x, path.angle_deg, color=thread.colour, marker="o", ms=3, label="step")
    angles.plot(x[1:], walk_angle, color=NULL, linestyle=(0, (4, 2)), label="step, random walk")
    angles.plot(x, path.spread_deg, color=INK, lw=1, label="between two codes")
    for axes, title_of in (
        (norms, "norm"),
        (steps, "step of the mean code"),
        (angles, "angle (°)"),
    ):
        axes.set(title=title_of, xlabel="generation")
        whole_numbers(axes, x[0], x[-1])
        axes.set_ylim(bottom=0.0)
    angles.set_ylim(0.0, 1.45 * max(90.0, float(np.nanmax(path.spread_deg))))
    norms.set_ylim(0.0, 1.45 * norms.get_ylim()[1])
    norms.legend(loc="upper left", fontsize=8.5)
    angles.legend(loc="upper right", fontsize=8.5)
    return Plate(
        name=f"{thread.stem}_norms",
        title=title,
        caption=(
            f"At the end the mean code has a norm of {path.mean_norm[-1]:.1f}; {N_WALKS} random "
            f"walks with the same step sizes end at {expected[-1]:.1f} (95 % of them from "
            f"{low[-1]:.1f} to {high[-1]:.1f}). The first generation holds initial codes. Angles "
            f"are those seen from the origin. {NOT_EVIDENCE}"
        ),
        figure=figure,
        columns={
            "generation": path.generation,
            "mean_norm": path.mean_norm,
            "walk_mean_norm": expected,
            "walk_mean_norm_low": low,
            "walk_mean_norm_high": high,
            "code_norm": path.code_norm,
            "step": path.step_size,
            "step_angle_deg": path.angle_deg,
            "walk_step_angle_deg": np.concatenate([[np.nan], walk_angle]),
            "angle_between_codes_deg": path.spread_deg,
        },
    )


def _draw_shares(axes: Axes, thread: OfThread, found: CodeSpace) -> None:
    shares = found.path.shares
    k = np.arange(1, shares.size + 1)
    low, high = _range(found.walked("shares"))
    middle = found.walked("shares").mean(axis=0)
    axes.bar(k - 0.2, shares, 0.38, color=thread.colour, label="evolution")
    axes.bar(k + 0.2, middle, 0.38, color=NULL, label="random walks")
    axes.vlines(k + 0.2, low, high, color=INK, linewidth=1.2)
    axes.set(title="part of variance", xlabel="component", xticks=k, ylim=(0, 1.0))
    axes.legend(loc="upper right", fontsize=8.5)


def _range(values: Floats) -> tuple[Floats, Floats]:
    """Where 95 % of walks are, of values (walks, n)."""
    low, high = np.percentile(values, (2.5, 97.5), axis=0)
    return low, high


def _list(shares: Floats) -> str:
    return ", ".join(f"{share:.3f}" for share in shares)


def _ranges(low: Floats, high: Floats) -> str:
    return ", ".join(f"{a:.3f}–{b:.3f}" for a, b in zip(low, high, strict=True))


def _too_short(title: str) -> NotDrawn:
    return NotDrawn(title, f"it takes {FEWEST_GENERATIONS} generations to say anything of a path")
