"""From a code to an image, and nothing else."""
