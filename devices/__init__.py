"""Where data come from: a door for each source. Empty until the first device lands."""
