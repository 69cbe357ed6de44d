"""A session as one page that a lab puts into its notebook, with every figure as files beside it.

`write_report` makes both. All that is said comes out of the log and `sessions.analysis`, but for
what is handed in with it (`given`): what only those know who know optimizers and generators.
"""

from sessions.lab_report.given import Given, GivenOfThread
from sessions.lab_report.writing import Written, write_report

__all__ = ["Given", "GivenOfThread", "Written", "write_report"]
