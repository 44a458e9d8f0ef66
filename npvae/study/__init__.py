"""The study page: one offline HTML file in which a small VAE runs, forward and backward, on the pages' own equations.

    from npvae.study import write
    write("study.html")

README.md of this room says how the page is made and how it stays true.
"""

from npvae.study.page import html, write

__all__ = ["html", "write"]
