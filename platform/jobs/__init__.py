"""The queue door: actors that call an action and nothing else."""
