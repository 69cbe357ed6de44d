"""The eye of a simulated animal: what is coarser away from fixation, and where it really looks."""
