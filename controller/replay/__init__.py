"""Replaying a logged session, in four ways, and what they share.

`configs` makes a config from a log; `compare` finds where two logs differ; `course` and `exact`
recompute a log from itself. Nothing is printed here.
"""
