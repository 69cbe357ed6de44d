"""From codes to images: the generators, and pictures to compare them with.

This package decides nothing about a session and knows neither screens nor recordings. Torch is
imported by `weights` and by the networks only.
"""
