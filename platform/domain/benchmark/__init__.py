"""Comparing the stores of a group fairly."""
