"""Data sets and their minibatches: built-in digits, published data sets by name, the user's own files.

    train, test = load_dataset("digits")
    for x in minibatches(train, 128, rng):
        ...

where train and test are `Images`, and x is (B, D) float32.
"""

from npvae.data.contract import KINDS, Data, as_data
from npvae.data.digits import load_digits
from npvae.data.files import DataError, DataWarning
from npvae.data.graph import Graph
from npvae.data.idx import read_idx
from npvae.data.images import Images
from npvae.data.labelled import LabelledImages
from npvae.data.links import Links, split_links
from npvae.data.minibatches import epoch_order, minibatches
from npvae.data.npy import read_npy, read_npz
from npvae.data.png import read_png_folder
from npvae.data.read_graph import GRAPHS, load_graph
from npvae.data.registry import DATASETS, load_dataset
from npvae.data.sequences import SequenceBatch, Sequences
from npvae.data.split import hold_out
from npvae.data.text import Text, load_sequences

__all__ = [
    "DATASETS",
    "GRAPHS",
    "KINDS",
    "Data",
    "DataError",
    "DataWarning",
    "Graph",
    "Images",
    "LabelledImages",
    "Links",
    "SequenceBatch",
    "Sequences",
    "Text",
    "as_data",
    "epoch_order",
    "hold_out",
    "load_dataset",
    "load_digits",
    "load_graph",
    "load_sequences",
    "minibatches",
    "read_idx",
    "read_npy",
    "read_npz",
    "read_png_folder",
    "split_links",
]
