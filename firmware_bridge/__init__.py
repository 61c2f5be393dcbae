"""The wire contract: bytes in, records out. Empty until the first protocol lands."""
