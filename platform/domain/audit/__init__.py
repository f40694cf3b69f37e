"""The audit as a thing of its own: checking its chains, anchoring their heads, reading the group's events."""
