"""The record of a session: the log, its reader, analysis, checks and report.

The file format is described in `sessions.schema`. Imports no other package of this project.
"""
