"""The wire contract, no I/O: bytes in, records out. `PROTOCOL.md` is our own, `products` what others speak."""
