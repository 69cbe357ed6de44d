"""How pictures change with codes: metric, walks, inversion; for generators that others wrote.

    distances, steerable, lpips     how different two pictures are
    products                        the metric at a code, times a vector, in three ways
    metric, spectrum                its eigenvalues and axes; what they say of a generator
    cache, service                  computed once for each generator and kept
    walks                           pictures at matched distances along an axis
    inversion                       the code of a picture
    controls                        the same network untrained, and with its weights shuffled

The page ``docs/explanation/generator_geometry.md`` has the formulas. Torch is imported by all but
`spectrum`.
"""
