"""Evolution strategies that adapt a Gaussian in the space of codes.

    cholesky         the one of closed-loop work in visual cortex; factor: its covariance
    hessian          the same along the axes of a generator's metric; frame: those axes
    full, diagonal   CMA-ES as in pycma; covariance, terms, roots: what a full covariance is made of
    recombination    weights and learning rates of the two; paths: along which their means move
    step_size        two rules for the step size, and figures for the operator

What is left out: evolution strategies on a sphere.
"""
