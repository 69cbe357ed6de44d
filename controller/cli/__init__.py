"""The command line: `neuroloop COMMAND`. Parses, calls, prints; decides nothing about a session.

`config_commands`   init, validate, schema
`run`               run
`control_commands`  status, pause, resume, stop, note
`watch_command`     watch
`log_commands`      inspect, recover
`replay_commands`   replay exact, rehearse, branch, counterfactual
"""

import atexit
import gc


def main() -> None:
    """Run the command that was asked for; exits with its status."""
    # Nothing of what is imported is garbage, and to look for some takes a tenth of the time.
    gc.disable()
    from controller.cli.app import main as run

    gc.enable()
    # In the end all of it goes at once.
    atexit.register(gc.freeze)
    run()
