"""Two conditions compared over sessions: two optimizers, two generators, or two named threads.

`compare` pairs evolutions of several logs, within a session where both were interleaved, else
between sessions that can be compared, and holds each pair against the other. Statistics are in
`sessions.analysis`.
"""

from sessions.comparing.comparison import Comparison, Pooled, compare
from sessions.comparing.conditions import BY, By

__all__ = ["BY", "By", "Comparison", "Pooled", "compare"]
