"""The embedded network: a small non-linear generator that the project trains itself.

`network` computes, `arrays` reads the file of weights that is shipped, `generator` makes a
`generators.base.Generator` of them. How the weights come to be is in `training`, which nothing
here imports.
"""
