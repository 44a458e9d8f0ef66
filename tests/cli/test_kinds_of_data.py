"""Options of `npvae train` that do not go with the kind of data, or of model, are refused with a mend."""

import pytest

from npvae.cli import main

EDGES = "a,b\nb,c\nc,a\nd,e\ne,f\nf,d\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("cora --model vae", "cora is a graph, --model vae takes images: add --model graph_vae"),
        ("digits --model graph_vae", "digits: is no graph"),
        ("g.csv --model graph_vae --objective iwae", "objective 'iwae' is not for one graph"),
        ("g.csv --model graph_vae --hidden 8", "graph_vae has no use for it"),
        ("g.csv --model graph_vae --resize 8,8", "--resize is for images, --model graph_vae takes a graph"),
        ("g.csv --model graph_autoencoder --beta 2", "graph_autoencoder has no use for it"),
        ("names --model vae", "names are sequences, --model vae takes images: add --model sequence"),
        ("digits --model sequence_vae", "digits are images, --model sequence_vae takes lines of text"),
        ("names.txt --model sequence_vae --hidden 3", "--hidden is of vae,"),
        ("names.txt --model sequence_vae --colour grey", "--colour is for images, this model takes lines of text"),
        ("names.txt --model sequence_vae --likelihood bernoulli", "sequence_vae has no use for it"),
        ("names.txt --model language_model --latent 3", "language_model has no use for it: leave it out"),
        ("names.txt --model language_model --word-dropout 0.3", "--word-dropout is of sequence_vae"),
        ("names.txt --model sequence_vae --word-dropout 3", "word_dropout is 3.0, expected a number from 0 to 1"),
        ("names.txt --model sequence_vae --free-bits 1", "--free-bits has no effect with --objective elbo"),
    ],
)
def test_options_that_do_not_fit_are_refused(here, monkeypatch, capsys, options, message):
    monkeypatch.delenv("NPVAE_DATA", raising=False)
    (here / "g.csv").write_text(EDGES)
    (here / "names.txt").write_text("ann\nbo\ncy\n" * 5)
    assert main(["train", "--quiet", "--dataset", *options.split()]) == 2
    assert message in capsys.readouterr().err
