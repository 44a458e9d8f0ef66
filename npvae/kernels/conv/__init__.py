"""Convolution and its transpose. Both are three products over the same windows, between a large image and a small one.

gather   small[pos] = the window of the large image at pos, times W          conv2d forward, conv2d_transpose's dx
spread   the large image = every small[pos] times Wᵀ, laid over its window   conv2d's dx, conv2d_transpose forward
weigh    dW = every window, transposed, times small[pos]                      dW of both

geometry.py  sizes, and where windows and their pixels lie in memory: read this first
windows.py   loops over one block of images: padding, columns, sums
tiles.py     the three products in registers, straight from the padded image, for float32 where there are tiles
pieces.py    a layer as a job of the team: a block of images at a time, from padding to activation
chunks.py    the same with columns and NumPy's products, for every other processor and dtype
twins.py     the twins of the pages

All work goes block by block, a few images at a time: what a block needs (its padded images, its columns) stays in the
cache, and no array of all windows is ever made.
"""
