"""`npvae` on a graph: train, stop and resume, evaluate, encode, missing edges."""

import json

import numpy as np
import pytest

import npvae
from npvae.cli import main

QUICK = ["train", "--dataset", "g.csv", "--quiet", "--epochs", "6", "--latent", "3", "--hidden-dim", "8"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    edges = [(a, b) for a in range(30) for b in range(a) if rng.random() < (0.5 if a % 2 == b % 2 else 0.03)]
    (tmp_path / "g.csv").write_text("".join(f"v{a},v{b}\n" for a, b in edges))


@pytest.mark.parametrize("kind", ["graph_vae", "graph_autoencoder"])
def test_from_a_table_of_edges_to_missing_ones(kind, capsys, tmp_path):
    assert main([*QUICK, "--model", kind, "--out", "r"]) == 0
    rows = [json.loads(line) for line in (tmp_path / "r" / "metrics.jsonl").read_text().splitlines()]
    assert len(rows) == 6
    assert all(0 <= row[name] <= 1 for row in rows for name in ("test_auc", "test_ap", "valid_auc", "valid_ap"))
    pictures = sorted(path.name for path in (tmp_path / "r" / "figures").iterdir())
    assert pictures == ["learning_curves.png", "nearness.png"]
    assert main(["evaluate", "r", "--json", "r/m.json"]) == 0
    measures = {m["name"]: m["value"] for m in json.loads((tmp_path / "r" / "m.json").read_text())["measures"]}
    assert measures["AUC"] == rows[-1]["test_auc"]
    assert ("KL" in measures) == (kind == "graph_vae")
    assert main(["reconstruct", "r", "-n", "7"]) == 0
    lines = (tmp_path / "r" / "missing_edges.csv").read_text().splitlines()
    assert lines[0] == "source,target,probability,held_out"
    assert len(lines) == 8
    assert all(line.startswith("v") for line in lines[1:])
    assert main(["encode", "r"]) == 0
    codes = np.load(tmp_path / "r" / "codes.npz")
    assert codes["mu" if kind == "graph_vae" else "z"].shape == (30, 3)
    assert main(["sample", "r"]) == 2
    assert "npvae reconstruct gives its missing edges" in capsys.readouterr().err


def test_resumed_is_as_if_nothing_had_happened():
    settings = ["--model", "graph_vae", "--shifts", "4", "--no-figures", "--lr", "0.02"]
    assert main([*QUICK, *settings, "--out", "whole"]) == 0
    assert main([*QUICK[:-6], *settings, "--epochs", "3", *QUICK[-4:], "--out", "half"]) == 0
    assert main(["train", "--resume", "half", "--epochs", "6", "--quiet", "--no-figures"]) == 0
    assert np.array_equal(npvae.load("half").params.flat, npvae.load("whole").params.flat)


def test_a_run_is_not_resumed_on_another_graph(tmp_path, capsys):
    assert main([*QUICK, "--model", "graph_vae", "--no-figures", "--out", "r"]) == 0
    lines = (tmp_path / "g.csv").read_text().splitlines()
    (tmp_path / "g.csv").write_text("\n".join(lines[:-1]))
    assert main(["train", "--resume", "r", "--epochs", "9", "--quiet"]) == 2
    assert "give the same data" in capsys.readouterr().err
