"""`neuroloop bench`: optimizers raced on simulated neurons, and what they do without a signal."""

from dataclasses import asdict
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from controller.bench.code_space import USUAL_CODE_DIM
from controller.bench.conditions import VIOLATIONS, violated
from controller.bench.entrants import REFERENCE
from controller.bench.neuron_sets import neurons_of
from controller.bench.neurons import NeuronSpec
from controller.bench.noise_driven import PUBLISHED, Trajectory, mean_trajectory, noise_driven
from controller.bench.race import heats_of
from controller.bench.standings import Standings, standings
from controller.bench.standings_file import standings_json
from controller.cli import bench_tables as tables
from controller.cli.bench_plan import new, plan
from controller.cli.bench_running import (
    Raced,
    checked_names,
    checked_norms,
    require_picture,
    require_places,
    run_heats,
)
from controller.cli.exits import Exit
from controller.cli.output import say, say_json


class NeuronSet(StrEnum):
    """Neurons to race on."""

    TUNING = "tuning"
    TEST = "test"


class NoiseLevel(StrEnum):
    """Noise of the neurons' responses."""

    NONE = "none"
    LOW = "gain_0.2"
    HIGH = "gain_0.5"
    POISSON = "poisson"


_USUAL_PRESENTATIONS = 3000
_QUICK_NEURONS, _QUICK_PRESENTATIONS = 5, 1000
_QUICK_NOISE = (NoiseLevel.NONE, NoiseLevel.POISSON)

OptimizersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--optimizer", help="Which races, by its kind; repeat it. Default: all but the slowest."
    ),
]
NeuronsOption = Annotated[
    NeuronSet,
    typer.Option(help="tuning: neurons that optimizers are made with. test: those kept apart."),
]
SeedsOption = Annotated[int, typer.Option(min=1, help="Runs of each optimizer on each neuron.")]
PresentationsOption = Annotated[
    int | None, typer.Option(min=80, help="Budget of one run. Default: 3,000, or 1,000 if --quick.")
]
MinNormOption = Annotated[
    float | None, typer.Option(min=1, help="Scale every code of a smaller norm up to this one.")
]
MaxNormOption = Annotated[
    float | None, typer.Option(min=1, help="Scale every code of a larger norm down to this one.")
]
CodeDimOption = Annotated[
    int, typer.Option(min=16, help="Length of a code; a shorter one is searched sooner.")
]
QuickOption = Annotated[
    bool, typer.Option("--quick", help="Five neurons, two noise levels, 1,000 presentations.")
]
WorkersOption = Annotated[int, typer.Option(min=1, help="Runs at the same time.")]
ResultsOption = Annotated[
    Path | None,
    typer.Option(help="Save every run here as it ends, and take from here what has been run."),
]
FigureOption = Annotated[
    Path | None, typer.Option(help="Draw response over presentations into this file.")
]
SaveOption = Annotated[
    Path | None, typer.Option("--save", help="Save what the tables are made from into this file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this file to `app`."""
    bench = typer.Typer(
        cls=_PlanOrCommand,
        no_args_is_help=True,
        help="Race optimizers on simulated neurons, without any rig: neuroloop bench PLAN.toml, or "
        "one of the commands below.",
        rich_markup_mode=None,
    )
    bench.command(epilog="Example: neuroloop bench new plan.toml")(new)
    bench.command(epilog="Example: neuroloop bench plan.toml")(plan)
    bench.command(epilog="Example: neuroloop bench optimizers --quick")(optimizers)
    bench.command(epilog="Example: neuroloop bench robustness --quick")(robustness)
    bench.command(
        "noise-driven",
        epilog="Example: neuroloop bench noise-driven --optimizer cholesky_cma --runs 5",
    )(noise_driven_)
    app.add_typer(bench, name="bench")


class _PlanOrCommand(TyperGroup):
    """Takes the name of a file for that of a plan."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the arguments name; a file is a plan."""
        if args and args[0].endswith(".toml"):
            args = ["plan", *args]
        return super().resolve_command(ctx, args)


def optimizers(
    optimizer: OptimizersOption = None,
    neurons: NeuronsOption = NeuronSet.TEST,
    noise: Annotated[
        list[NoiseLevel] | None, typer.Option(help="Which noise; repeat it. Default: all four.")
    ] = None,
    seeds: SeedsOption = 1,
    presentations: PresentationsOption = None,
    code_dim: CodeDimOption = USUAL_CODE_DIM,
    min_norm: MinNormOption = None,
    max_norm: MaxNormOption = None,
    quick: QuickOption = False,
    workers: WorkersOption = 2,
    results: ResultsOption = None,
    figure: FigureOption = None,
    save: SaveOption = None,
    as_json: JsonOption = False,
) -> None:
    """Race optimizers on simulated neurons; all meet the same neurons, first codes and noise.

    Ctrl-C ends the race and shows the standings so far.
    """
    levels = noise or (_QUICK_NOISE if quick else list(NoiseLevel))
    specs = _neurons(neurons, code_dim, quick=quick)
    budget = presentations or (_QUICK_PRESENTATIONS if quick else _USUAL_PRESENTATIONS)
    names = [level.value for level in levels]
    norms = checked_norms(min_norm, max_norm)
    require_places(results, save, figure)
    require_picture(figure)
    heats = heats_of(checked_names(optimizer), specs, names, range(seeds), budget, norms)
    raced = run_heats(heats, workers, results)
    table = standings(raced.results, neurons.value)
    if as_json:
        say_json(asdict(table))
    else:
        _say_race(table)
    if figure is not None and table.rows:
        # matplotlib takes half a second to import, which no other command should pay for.
        from controller.bench.figure import draw

        draw(table, figure)
    _conclude(raced, table, save)


def robustness(
    optimizer: OptimizersOption = None,
    neurons: NeuronsOption = NeuronSet.TEST,
    noise: Annotated[NoiseLevel, typer.Option(help="Noise underneath.")] = NoiseLevel.POISSON,
    seeds: SeedsOption = 1,
    presentations: PresentationsOption = None,
    code_dim: CodeDimOption = USUAL_CODE_DIM,
    min_norm: MinNormOption = None,
    max_norm: MaxNormOption = None,
    quick: QuickOption = False,
    workers: WorkersOption = 2,
    results: ResultsOption = None,
    save: SaveOption = None,
    as_json: JsonOption = False,
) -> None:
    """Race optimizers where something is wrong: lost responses, drift, artefacts, a wrong metric.

    gaps: 30 % of the responses are lost, and the neuron is silent to 5 % of the images. drift:
    rates fall by 20 % and scatter by 11 % between generations. outliers: artefacts in 2 % of the
    responses. wrong_metric: for optimizers only that use what is known of the code space.
    """
    steady = noise.value
    conditions = [steady, *(violated(steady, violation) for violation in VIOLATIONS)]  # type: ignore[arg-type]  # a NoiseLevel is one
    specs = _neurons(neurons, code_dim, quick=quick)
    budget = presentations or (_QUICK_PRESENTATIONS if quick else _USUAL_PRESENTATIONS)
    norms = checked_norms(min_norm, max_norm)
    require_places(results, save)
    heats = heats_of(checked_names(optimizer), specs, conditions, range(seeds), budget, norms)
    raced = run_heats(heats, workers, results)
    table = standings(raced.results, neurons.value)
    if as_json:
        say_json(asdict(table))
    else:
        say(f"{table.title}.")
        say("Response to the last generation, and its change where something is wrong [95 %]:")
        say(tables.as_text(tables.loss_table(table, steady)))
        _say_errors(table)
    _conclude(raced, table, save)


def noise_driven_(
    optimizer: OptimizersOption = None,
    runs: Annotated[int, typer.Option(min=2, help="Runs of each optimizer.")] = 10,
    code_dim: CodeDimOption = USUAL_CODE_DIM,
    as_json: JsonOption = False,
) -> None:
    """Drive optimizers by scores that are pure noise, and compare with what was published.

    What they do here is what a search does on its own account: a success has to differ from it.
    """
    measured = {}
    for name in checked_names([REFERENCE] if optimizer is None else optimizer):
        found = [noise_driven(name, seed, 75, code_dim) for seed in range(runs)]
        measured[name] = mean_trajectory(found)
    if as_json:
        say_json({name: {"mean": asdict(m), "sd": asdict(s)} for name, (m, s) in measured.items()})
        return
    for name, (mean, sd) in measured.items():
        say(f"{name}, {runs} runs of 75 generations on scores from N(0, 1):")
        say(tables.as_text(_trajectory_table(mean, sd, name, runs)))


def _trajectory_table(
    mean: Trajectory, sd: Trajectory, optimizer: str, n_runs: int
) -> tables.Table:
    published = PUBLISHED.get(optimizer, {})
    rows = [["figure", "mean", "SD", "published", ""]]
    for figure, value in vars(mean).items():
        told, verdict, spread = tables.NOT_RUN, "", getattr(sd, figure)
        if figure in published:
            known = published[figure]
            told = f"{known.value:.4g}{' in one run' * known.one_run}"
            verdict = "agrees" if known.agrees(value, spread, n_runs) else "differs"
        rows.append([figure, f"{value:.4g}", f"{spread:.2g}", told, verdict])
    return rows


def _conclude(raced: Raced, table: Standings, save: Path | None) -> None:
    """Save the standings; a race that was stopped says so by its exit status."""
    if raced.stopped:
        raise typer.Exit(Exit.ABORTED)
    if save is not None:
        save.write_text(standings_json(table), encoding="utf-8")


def _say_race(table: Standings) -> None:
    if not table.rows:
        say("No neuron has been raced on by all optimizers yet.")
        _say_errors(table)
        return
    say(f"{table.title}.")
    say("Response without noise to the last generation, 1 = highest known of each neuron:")
    say(tables.as_text(tables.score_table(table)))
    if REFERENCE in table.optimizers:
        say(f"\nThe same, minus that of {REFERENCE} on the same neuron and seed [95 %]:")
        say(tables.as_text(tables.ahead_table(table)))
        say(f"\nPresentations needed for the last response of {REFERENCE} [95 %]:")
        say(tables.as_text(tables.presentations_table(table)))
    say("\nThe first table again by kind of neuron, mean over noise levels:")
    say(tables.as_text(tables.family_table(table)))
    say("\nTime for ask and tell together, in each generation:")
    say(tables.as_text(tables.cost_table(table)))
    _say_errors(table)


def _say_errors(table: Standings) -> None:
    for sentence in table.never_began:
        say(sentence)
    for row in table.rows:
        for error in dict.fromkeys(row.errors):
            say(f"{row.optimizer} ended early under {row.condition}: {error}")


def _neurons(name: NeuronSet, code_dim: int, *, quick: bool) -> tuple[NeuronSpec, ...]:
    specs = neurons_of(name.value, code_dim)
    return tuple(islice(specs, _QUICK_NEURONS)) if quick else specs
