"""What `neuroloop generator` does beside printing: finding a generator, its files and pictures."""
