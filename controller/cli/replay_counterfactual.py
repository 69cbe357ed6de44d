"""`neuroloop replay counterfactual`: other optimizers on a surrogate of the logged neuron."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from controller import assembly
from controller.cli.exits import Exit
from controller.cli.log_commands import JsonOption, LogArgument
from controller.cli.output import err, say, say_json
from controller.cli.progress_lines import ProgressLines
from controller.config.load import apply_overrides, validate_config
from controller.errors import ControlError, SessionRefused
from controller.replay.configs import logged_tables
from controller.replay.counterfactual import (
    Entry,
    Run,
    logged_curve,
    logged_responses,
    noise_per_hz,
    raced,
)
from controller.replay.surrogate import (
    FEWEST_IMAGES,
    LEAST,
    Predictivity,
    fit,
    predictivity,
)
from sessions.reader import LogReader, open_log

CONTROL = "as logged"
MUCH = 0.2
"""Share of extrapolated images from which on the result is warned of."""


def counterfactual(
    log: LogArgument,
    alternatives: Annotated[
        list[str] | None,
        typer.Option(
            "--try",
            help="key=value of the config, several parted by ';'; repeat it for each alternative.",
        ),
    ] = None,
    thread: Annotated[int, typer.Option(help="Thread whose neuron the surrogate is of.")] = 0,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, with seeds of its own.")] = 5,
    even_so: Annotated[
        bool, typer.Option("--even-so", help="Go on although the surrogate predicts too little.")
    ] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the curves into this file (png, pdf, svg).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Ask what another optimizer, generator or population size would have come to.

    A surrogate of the neuron is fitted to the images and scores of a log. How well it predicts what
    it has not seen is told first; one that predicts too little is refused with exit status 6.
    """
    reader = open_log(log)
    if not 0 <= thread < len(reader.threads):
        raise SessionRefused(f"--thread {thread}: the session has {len(reader.threads)} threads")
    tried = [(CONTROL, ""), *((text, text) for text in alternatives or ())]
    configs = [(name, _config(reader, text)) for name, text in tried]
    generators = assembly.build_generators(configs[0][1])
    logged = logged_responses(reader, thread, generators[configs[0][1].threads[thread].generator])
    if len(logged.scores) < FEWEST_IMAGES:
        raise SessionRefused(
            f"thread {thread} has {len(logged.scores)} images with a score, and a surrogate needs "
            f"{FEWEST_IMAGES}; record more"
        )
    noise, noise_by = noise_per_hz(reader, thread)
    trust = predictivity(logged.images, logged.scores, logged.generation, noise, noise_by)
    if not as_json:
        for line in trust_sentences(trust):
            say(line)
    if not trust.suffices and not even_so:
        _refuse(trust, as_json=as_json)
    surrogate, progress = fit(logged.images, logged.scores, noise or 0.0), ProgressLines()
    entries = []
    try:
        for done, (name, config) in enumerate(configs):
            progress("running optimizers on the surrogate", done, len(configs))
            built = assembly.build_generators(config)
            entries.append(
                raced(name, config, thread, built, surrogate, logged.n_asked, range(repeats))
            )
    except KeyboardInterrupt:
        err.print("Stopped; what is complete is told.")
    curve = logged_curve(reader, thread)
    if as_json:
        say_json(_as_json(trust, curve, entries))
    else:
        for line in _table(curve, entries):
            say(line)
    if figure is not None and entries:
        from controller.replay.counterfactual_figure import draw

        draw(curve, entries, trust, figure)
    if len(entries) < len(configs):
        raise typer.Exit(Exit.ABORTED)


def _refuse(trust: Predictivity, *, as_json: bool) -> NoReturn:
    if as_json:
        say_json({"predictivity": _told(trust), "entries": []})
    err.print(
        f"neuroloop: the surrogate predicts too little ({trust.normalised:.2f} of what is "
        f"possible, {LEAST:g} is needed); record more images, or go on with --even-so",
        markup=False,
    )
    raise typer.Exit(Exit.PROBLEMS)


def trust_sentences(trust: Predictivity) -> list[str]:
    """Say how far a surrogate can be trusted."""
    ceiling = (
        f"A perfect model would reach {trust.ceiling:.2f}, judged from {trust.ceiling_by}."
        if trust.ceiling is not None
        else "How much a perfect model would reach cannot be estimated from this log: "
        f"from {trust.ceiling_by}, nothing is left for it to explain."
    )
    return [
        f"A surrogate of {trust.n_images} images predicts held-out images with a correlation of "
        f"{trust.images:.2f}, and held-out generations with {trust.generations:.2f}; within a "
        f"generation, where no trend helps, with {trust.within:.2f}.",
        ceiling,
        f"The lower of the two is {trust.normalised:.2f} of that; {LEAST:g} is needed.",
    ]


def _config(reader: LogReader, text: str) -> Any:
    tables = logged_tables(reader)
    overrides = [part.strip() for part in text.split(";") if part.strip()]
    apply_overrides(tables, overrides)
    config = validate_config(tables)
    if len(config.threads) != len(reader.threads):
        raise ControlError("--try cannot change the number of threads")
    return config


def _table(curve: Run, entries: Sequence[Entry]) -> list[str]:
    lines = [
        f"The session itself ended at {curve.end:.1f} spikes/s. On the surrogate, mean of runs:"
    ]
    control = entries[0].ends if entries else None
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        ends = entry.ends
        spread = f"{ends.min():.1f} to {ends.max():.1f}"
        against = ""
        if control is not None and entry is not entries[0]:
            wins = int((ends > control[: len(ends)]).sum())
            against = (
                f", {(ends - control).mean():+.1f} against {CONTROL}, higher in {wins} of "
                f"{len(ends)}"
            )
        lines.append(f"{entry.name:<{width}}  {ends.mean():6.1f} ({spread}){against}")
    lines += [
        f"Warning: {100 * entry.far:.0f} % of the images of {entry.name!r} lie beyond those that "
        "the surrogate was fitted to."
        for entry in entries
        if entry.far > MUCH
    ]
    return lines


def _told(trust: Predictivity) -> dict[str, Any]:
    return {**asdict(trust), "normalised": trust.normalised, "suffices": trust.suffices}


def _as_json(trust: Predictivity, curve: Run, entries: Sequence[Entry]) -> dict[str, Any]:
    def run(found: Run) -> dict[str, Any]:
        return {"n_images": found.n_images.tolist(), "mean_hz": found.means.tolist()}

    return {
        "predictivity": _told(trust),
        "logged": run(curve),
        "entries": [
            {
                "name": entry.name,
                "extrapolated": entry.far,
                "ends_hz": entry.ends.tolist(),
                "runs": [run(one) for one in entry.runs],
            }
            for entry in entries
        ],
    }
