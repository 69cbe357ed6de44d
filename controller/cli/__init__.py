"""The command line: `neuroloop COMMAND`. Parses, calls, prints; decides nothing about a session.

`config_commands`   init, validate, schema
`run`               run
`control_commands`  status, pause, resume, stop, note
`log_commands`      inspect, replay
"""

from controller.cli.app import main

__all__ = ["main"]
