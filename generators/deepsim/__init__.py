"""The DeePSiM up-convolutional networks: one definition, and a table of where they differ.

`variants` is the table, `network` computes, `checkpoints` reads the files that laboratories have,
`generator` makes a `generators.base.Generator` of it all. Torch is not imported by `variants`.
"""
