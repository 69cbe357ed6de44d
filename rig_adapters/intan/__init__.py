"""The adapter of Intan RHX, which sends waveforms and spikes over TCP."""
