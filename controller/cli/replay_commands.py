"""`neuroloop replay`: its commands, each in a file of its own."""

import typer

from controller.cli import (
    replay_branch,
    replay_counterfactual,
    replay_exact,
    replay_rehearse,
)


def add_to(app: typer.Typer) -> None:
    """Add `neuroloop replay` to `app`."""
    replay = typer.Typer(
        name="replay",
        help="Replay a session exactly, do it again otherwise, or go on from a generation of it.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    replay.command(
        epilog="Example: neuroloop replay exact runs/demo-20260101-120000. "
        "Ctrl-C stops it and tells what was found by then."
    )(replay_exact.exact)
    replay.command(
        epilog="Example: neuroloop replay rehearse LOG --set rig.settings.gain_cv=0.3. "
        "The rehearsal is a session of its own, with a log of its own."
    )(replay_rehearse.rehearse)
    replay.command(
        epilog="Example: neuroloop replay branch LOG --from-generation 10 "
        "--set threads.0.size_deg=2. The branch is a session of its own, with a log of its own."
    )(replay_branch.branch)
    replay.command(
        epilog="Example: neuroloop replay counterfactual LOG "
        "--try threads.0.optimizer.kind=genetic --try threads.0.optimizer.population_size=20"
    )(replay_counterfactual.counterfactual)
    app.add_typer(replay)
