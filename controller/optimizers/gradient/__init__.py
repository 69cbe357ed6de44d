"""Searches that estimate the gradient of the score from differences, and climb along it."""
