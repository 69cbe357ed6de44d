"""Recording systems that are not there: each speaks as its vendor does, from its own process."""
