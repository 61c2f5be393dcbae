"""The roof: the `plantar` command, the main job, orders on disk."""
