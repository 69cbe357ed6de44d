"""Complex cells: oriented energy, divided by that of their neighbours."""
