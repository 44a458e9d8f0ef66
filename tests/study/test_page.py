"""The file: whole, offline, the same bytes for the same seed; and the command that writes it."""

import base64
import hashlib
import json
import re
import sys

import numpy as np
import pytest

import npvae
from npvae.cli import main
from npvae.models import VAE
from npvae.ops import OPS
from npvae.pages import read_page
from npvae.pages.check import cases, disagreements
from npvae.study import weights
from npvae.study.contents import contents
from npvae.study.lines import lines_of_page
from npvae.study.page import HERE, html, script_of
from npvae.training import RunError

MOST = 600_000
ENGINE = sorted((HERE / "page" / "engine").glob("*.js"))


@pytest.fixture(scope="module")
def page():
    return html()


def policy_of(page):
    return re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]


def scripts_of(page):
    return re.findall(r"<script>(.*?)</script>", page, re.DOTALL)


def test_it_is_one_small_file_and_the_same_bytes_twice(page):
    assert len(page.encode()) <= MOST
    assert html() == page
    assert html(seed=2) != page
    assert html(lang="ko") != page


def test_it_may_load_nothing_and_run_nothing_but_its_own_two_scripts(page):
    policy = dict(part.strip().partition(" ")[::2] for part in policy_of(page).split(";"))
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts_of(page)}
    assert policy["default-src"] == "'none'"
    assert set(policy["script-src"].split()) == {*hashes, "'unsafe-eval'"}
    assert policy["base-uri"] == policy["form-action"] == "'none'"
    assert "connect-src" not in policy
    assert len(hashes) == 2
    assert page.index("Content-Security-Policy") < page.index("<script")


def test_no_address_of_another_place_stands_in_it(page):
    without_data = re.sub(r'<script type="application/json".*?</script>', "", page, flags=re.DOTALL)
    assert re.findall(r"""(?:src|href|action)\s*=\s*["']?(?!#)[^"'>\s]+""", without_data) == []
    assert re.findall(r"https?://(?!www\.w3\.org/)\S+", page) == []
    assert [word for word in ("fetch(", "XMLHttpRequest", "WebSocket", "import(", "sendBeacon") if word in page] == []


def test_no_mark_is_left_and_no_tag_can_begin_in_the_data(page):
    assert re.findall(r"\{\{\w+\}\}", page) == []
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    assert "<" not in data
    assert json.loads(data) == contents()


def test_the_engine_is_plain_short_and_evaluates_no_text():
    """The only `new Function` is that of the loops, which are made of trees."""
    assert len(ENGINE) > 10
    for path in ENGINE:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 300, path.name
        assert "eval(" not in text
        assert "innerHTML" not in text
        assert text.count("new Function(") == (path.name == "03_loops.js"), path.name


def test_equations_are_the_docstrings_letter_for_letter():
    """With the model's names taken out again, each stands on the page that it says it comes from."""
    for line in contents()["lines"]:
        module = line["op"] and contents()["pages"][line["op"]]["module"]
        owner = sys.modules[module or "npvae.models.wiring"]
        equations = read_page(owner.__doc__, "page").equations
        assert without_names(line["text"]) in [without_names(equation.text) for equation in equations], line["id"]
        if line["op"]:
            assert without_names(equations[line["op_number"] - 1].text) == without_names(line["text"])
            assert f"# ({line['op_number']})" in line["code"]


def without_names(text):
    return re.sub(r"[A-Za-z]\w*", "_", text)


def op_called(name):
    return next(op for op in OPS if op.name == name)


@pytest.mark.parametrize(("number", "lines"), [(1, ["dlogvar_z"]), (2, ["dlogvar_z"])])
def test_a_half_that_is_deleted_from_a_docstring_turns_tests_and_the_page_red(monkeypatch, engine_with, number, lines):
    """Of std = exp(logvar / 2) or of its backward: the page's own tests fail, and so do the checks on the page."""
    op = op_called("std_from_logvar")
    module = sys.modules[op.forward.__module__]
    half = [line for line in module.__doc__.splitlines() if line.endswith(f"({number})") and " / 2" in line]
    monkeypatch.setattr(module, "__doc__", module.__doc__.replace(half[0], half[0].replace(" / 2", "", 1)))
    lines_of_page.cache_clear()
    try:
        assert any(disagreements(op, case) for case in cases(op))
        changed = contents()
    finally:
        lines_of_page.cache_clear()
    text = {line["id"]: line["text"] for line in changed["lines"]}
    assert text["std" if number == 1 else "dlogvar_z"] in half[0].replace(" / 2", "")
    assert len(changed["breaks"]) < 13
    found = engine_with(changed, lambda engine: engine("return study.checks(study.createRun())"))
    assert found["differences"]["first"] == lines
    assert (found["kl"]["verdict"] == "differs") == (number == 1)


def test_the_command_writes_the_page_and_says_where(tmp_path, capsys, page):
    out = tmp_path / "new" / "study.html"
    assert main(["study", "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == page
    assert str(out) in capsys.readouterr().out
    assert main(["study", "--out", str(out), "--lang", "ko", "--seed", "3"]) == 0
    assert '"seed":3,"lang":"ko"' in out.read_text(encoding="utf-8")


def test_a_place_that_cannot_be_written_is_told(tmp_path, capsys):
    assert main(["study", "--out", str(tmp_path)]) == 2
    assert "is a folder, expected a file such as" in capsys.readouterr().err


def run_of(tmp_path, model, monkeypatch):
    monkeypatch.setattr(weights.training, "load", lambda folder: model)
    return tmp_path / "run"


def test_a_run_that_fits_is_shown_as_trained(tmp_path, monkeypatch, engine_with):
    model = VAE(64, (20,), 4, beta=2.0, seed=8)
    model.params.flat[...] = np.random.default_rng(0).standard_normal(model.params.flat.size)
    data = contents(run=run_of(tmp_path, model, monkeypatch))
    assert data["trained"]["run"] == "run"
    assert data["choices"] == {"L": [1, 2, 3, 4, 8], "H": [8, 16, 20, 32]}
    mu = engine_with(
        data,
        lambda engine: engine(
            """const run = study.createRun({ L: 4, H: 20 });
            run.useTrained();
            return flat(study.encode(run, study.digitPixels(3)).mu);"""
        ),
    )
    x = npvae.load_dataset("digits")[0][3:4]
    np.testing.assert_allclose(mu, model.encode(x)[0][0], rtol=2e-3, atol=2e-3)  # four digits of each parameter


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (VAE(64, (16, 16), 2), "its hidden layers are (16, 16)"),
        (VAE(64, (65,), 2), "its hidden layers are (65,)"),
        (VAE(64, (16,), 17), "it has 17 latents"),
        (VAE(49, (16,), 2), "its data_dim is 49, not 64"),
        (VAE(64, (16,), 2, activation="tanh"), "its activation is 'tanh', not 'relu'"),
        (VAE(64, (16,), 2, likelihood="squared_error"), "its likelihood is 'squared_error', not 'bernoulli'"),
        (VAE(64, (16,), 2, objective="iwae", samples=5), "its objective is 'iwae', not 'elbo'"),
        (npvae.LinearVAE(64, 2), "it is a LinearVAE, not a VAE"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_a_run_that_does_not_fit_is_refused_with_what_fits(tmp_path, monkeypatch, capsys, model, reason):
    run = run_of(tmp_path, model, monkeypatch)
    assert main(["study", "--out", str(tmp_path / "study.html"), "--run", str(run)]) == 2
    said = capsys.readouterr().err
    assert reason in said
    assert "one hidden layer of at most 64 ReLU units" in said
    assert not (tmp_path / "study.html").exists()


def test_what_fits_is_a_command_that_works(tmp_path, capsys):
    command = weights._FITS.split()[1:]
    assert main([*command, "--out", str(tmp_path / "run"), "--epochs", "1"]) == 0
    assert main(["study", "--out", str(tmp_path / "study.html"), "--run", str(tmp_path / "run")]) == 0
    assert '"run":"run"' in (tmp_path / "study.html").read_text(encoding="utf-8")


def test_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(RunError, match="holds no run"):
        html(run=tmp_path)


@pytest.mark.parametrize(("settings", "message"), [({"lang": "de"}, "lang is 'de'"), ({"seed": 2**32}, "seed is")])
def test_a_language_or_a_seed_that_there_is_not(settings, message):
    with pytest.raises(ValueError, match=message):
        contents(**settings)


def test_the_engine_starts_without_a_document():
    assert "typeof document" in script_of("engine")
