"""A race of optimizers against simulated neurons, away from any rig: who wins, and how surely.

What is left out: sessions, screens, spikes in time. A simulated session is `neuroloop run`.
"""
