"""Families of simulated neurons; see `rig_adapters.sim.neurons.base` for what each one does."""
