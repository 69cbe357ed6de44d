"""Simulated days at the rig, by the hundred: whether they are like the published ones."""
