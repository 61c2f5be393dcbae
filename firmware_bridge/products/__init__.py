"""What other makers' devices speak: pure codecs both ways, one module a product (encoding is what simulators use)."""
