"""BigGAN-deep: noise and a class embedding in, pictures like photographs of that class out.

`variants` is the table of the three published sizes, `checkpoints` reads a user's file, `folding`
turns what was trained into what is computed, `network` computes, and `generator` makes a
`generators.base.Generator` of it all. Torch is not imported by `variants` and `settings`.
"""
