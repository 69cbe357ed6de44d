"""The `neuroloop` program: its commands in one place, and errors turned into one sentence."""

import sys

import typer

from controller.cli import (
    bench_commands,
    compare,
    config_commands,
    control_commands,
    dashboard,
    export,
    generator_commands,
    keys_commands,
    log_commands,
    mirror,
    preflight,
    psth,
    replay_commands,
    report,
    rig_commands,
    run,
    testcard,
    twin,
)
from controller.cli.exits import HELP, Exit
from controller.cli.output import complain
from controller.errors import ConfigError, ControlError, ControllerError
from generators.errors import GeneratorError
from rig_adapters.errors import RigError
from sessions.errors import SessionLogError

app = typer.Typer(
    name="neuroloop",
    help="Evolve images that drive a neuron, in real time, at the rig or against a simulated one.",
    epilog=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config_commands.add_to(app)
preflight.add_to(app)
rig_commands.add_to(app)
testcard.add_to(app)
run.add_to(app)
control_commands.add_to(app)
dashboard.add_to(app)
mirror.add_to(app)
log_commands.add_to(app)
replay_commands.add_to(app)
psth.add_to(app)
report.add_to(app)
compare.add_to(app)
export.add_to(app)
twin.add_to(app)
keys_commands.add_to(app)
generator_commands.add_to(app)
bench_commands.add_to(app)


def main() -> None:
    """Run the command line; exits with a status of `controller.cli.exits`."""
    try:
        app()
    except ConfigError as error:
        for problem in error.problems:
            complain(problem)
        sys.exit(Exit.USAGE)
    except ControlError as error:
        complain(str(error))
        sys.exit(Exit.UNREACHABLE)
    except (ControllerError, GeneratorError, RigError, SessionLogError, OSError) as error:
        complain(str(error))
        sys.exit(Exit.USAGE)
