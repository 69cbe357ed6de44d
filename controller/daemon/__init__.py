"""The session daemon: one process that owns the loop, the rig's processes and the log.

`__main__`      the process: arguments, signals, exit status
`daemon`        states, commands, the beginning and the end of a session
`rig_processes` the stimulus process and the rig adapter with their links
`preparation`   from the config to everything that the loop works with
"""
