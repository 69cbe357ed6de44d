"""Our own search: a posterior over what the neuron prefers, from every response so far.

`kernel` says how alike two codes are for a neuron that sees pictures, `memory` holds responses,
`regression` makes the posterior of them and chooses its settings by the evidence, `ascent` climbs
it within reach, and `posterior_ascent` is the optimizer.
"""
