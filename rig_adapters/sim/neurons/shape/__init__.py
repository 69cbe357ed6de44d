"""Units that prefer a planted figure by its oriented energy and its surfaces."""
