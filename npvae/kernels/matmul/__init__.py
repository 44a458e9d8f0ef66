"""Matrix products: our own tiles where the processor has 512-bit vectors, BLAS everywhere else.

vectors.py    the vector instructions, one function each
tiles.py      how a product is computed in registers, and why so: read this first
products.py   a product cut into pieces for several threads
alone.py      products by the caller alone, for compiled code

Who computes a product is decided in `npvae.kernels.multiply`.
"""
