"""The team of threads: jobs that the caller and its helpers do together, and the one place that asks and tells BLAS.

pools.py     which threads compute, the team's or BLAS's: read this first
team.py      the helpers: started, woken, sent home
jobs.py      how a job is published, taken piece by piece, and finished
pieces.py    the menu of jobs: the integers of each, and what one piece of it computes
atomics.py   reading and writing one integer between threads
blas.py      the thread count of NumPy's BLAS
"""
