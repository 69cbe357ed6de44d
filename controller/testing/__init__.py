"""Contract suites that the author of a plug-in runs on it.

    optimizer_contract    OptimizerContract, LearningOptimizerContract, WorksAheadContract
                          (need pytest)
    optimizer_runs        small runs of an optimizer: advance, tell_all, rng_of, …

Nothing that runs a session imports this package.
"""
