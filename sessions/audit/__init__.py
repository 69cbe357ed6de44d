"""The audit of a session: every score recomputed from spikes by code of its own, block by block.

`python -m sessions.audit FOLDER` does it beside a running session, and `sessions.checks` on a log
that is finished. What is asked and remembered is in `auditor`.
"""

from __future__ import annotations

from sessions.audit.auditor import REMEDIES, Auditor, BlockAudit
from sessions.audit.block import Difference

__all__ = ["REMEDIES", "Auditor", "BlockAudit", "Difference"]
