"""Twins of the ops of graphs: sparse products, and the cost of all pairs of points in tiles.

Read `sparse.py`, then `pairs.py`. Loops run in the caller alone; products are `multiply`'s, and shared as it decides.
"""
