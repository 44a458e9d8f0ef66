"""Slopes by differences, and whether a claimed gradient agrees with them."""
