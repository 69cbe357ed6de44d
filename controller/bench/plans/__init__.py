"""Benchmarks that a plan describes: optimizers × neurons × noise × repeats, through a generator.

tables, load    the plan's TOML file
runs            which runs it asks for; each is a pure function of its description
running         one run
results         what came of a run, and the journal that keeps it
schedule        many runs at once, each saved as it ends
results_file    the tidy table
summary         means, ratios and orders from the table; figure draws them
"""
