"""What the animal gets for a trial: pulses that open a valve."""
