"""Who watches the animal: whether it fixates, trial by trial, on the clock of the screen."""
