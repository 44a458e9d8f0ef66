"""Matrix products by tiles of our own, where the processor's vectors are wide enough; else they are BLAS's.

shape.py      how large a tile is, by the width of the vectors
vectors.py    the vector instructions, one function each
tiles.py      how a product is computed in registers, and why so: read this first
packing.py    the second factor copied, a strip at a time, so that tiles read it front to back
products.py   a product cut into pieces for several threads

Who computes a product is decided in `npvae.kernels.multiply`; products that skip zeros are `npvae.kernels.zeros`.
"""
