"""A session log as a file of Neurodata Without Borders (NWB 2), as DANDI takes it.

`writing.export_nwb` makes the file; `metadata` says what of it no log can know by itself. Only the
modules in here import pynwb, and whoever wants them imports them late, since it is an extra.
`metadata` and `clock` do without it. What a session computed is copied, never computed again.
"""
