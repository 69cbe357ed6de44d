"""Our own search: a posterior over what the neuron prefers, from every response so far.

`views` are the ways to see a code, `kernel` says how alike two codes are for a neuron that sees
pictures, `memory` holds responses, `regression` makes the posterior of them and judges settings by
the evidence, `ascent` climbs it within reach, `progress` says what the latest responses tell of the
search, and `posterior_ascent` is the optimizer.
"""
