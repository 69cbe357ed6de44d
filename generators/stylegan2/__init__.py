"""StyleGAN2: a code becomes a style, and the style shapes every layer of a picture.

`variants` lists what a network consists of, `layouts` knows the names that files have,
`checkpoints` reads a user's file, `network` computes, and `generator` makes a
`generators.base.Generator` of it all. Torch is not imported by `variants` and `settings`.
"""
