"""The `neuroloop` program: its commands in one place, and errors turned into one sentence.

A command is imported when it is asked for (`controller.cli.loading`), so each starts as fast as it
can by itself.
"""

import sys

import typer

from controller.cli.exits import HELP, Exit
from controller.cli.loading import group_of
from controller.cli.output import complain
from controller.errors import ConfigError, ControlError, ControllerError
from generators.errors import GeneratorError
from rig_adapters.errors import RigError
from sessions.errors import SessionLogError

MODULES = {
    "init": "config_commands",
    "validate": "config_commands",
    "schema": "config_commands",
    "preflight": "preflight",
    "testcard": "testcard",
    "run": "run",
    "status": "control_commands",
    "watch": "watch_command",
    "pause": "control_commands",
    "resume": "control_commands",
    "stop": "control_commands",
    "note": "control_commands",
    "dashboard": "dashboard",
    "mirror": "mirror",
    "inspect": "log_commands",
    "recover": "log_commands",
    "psth": "psth",
    "report": "report",
    "compare": "compare",
    "twin": "twin",
    "rig": "rig_commands",
    "replay": "replay_commands",
    "export": "export",
    "keys": "keys_commands",
    "generator": "generator_commands",
    "bench": "bench_commands",
}
"""In which module of `controller.cli` each command stands, in the order of the help."""

app = typer.Typer(
    name="neuroloop",
    cls=group_of(MODULES),
    help="Evolve images that drive a neuron, in real time, at the rig or against a simulated one.",
    epilog=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def neuroloop() -> None:
    """Take no options of its own."""


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
