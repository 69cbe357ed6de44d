"""Contract suites and helpers that a lab runs on its own display or rig adapter.

`adapter_contract`  every rig adapter passes it
`display_contract`  every display passes it

Needs pytest. Nothing here is imported while a session runs.
"""
