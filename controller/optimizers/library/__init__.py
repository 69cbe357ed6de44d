"""Optimizers of other libraries, as baselines; the libraries are an optional extra, `baselines`.

told_history     LibraryOptimizer: the contract around any library's object
pycma            CMA-ES by its authors
nevergrad        a collection of black-box methods, among them those of the 2022 study
"""
