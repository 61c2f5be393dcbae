"""From what a scanner gave to feet that stand on the floor: clean, ground, split, heading, sole."""
