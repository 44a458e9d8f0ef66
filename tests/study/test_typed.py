"""Typed lines: parsed as Python's parser does, refused with an error text, never executed."""

import random
import string

import pytest

from npvae.models.wiring import page_of_small_vae
from npvae.ops import OPS
from npvae.pages import page_of
from npvae.pages.mutants import mutants_of
from npvae.pages.parse import Refused, parse
from npvae.pages.trees import as_data
from npvae.study.contents import contents
from npvae.study.lines import lines_of_page

PAGES = ("dense", "relu", "std_from_logvar", "reparameterize", "bernoulli_nll", "gaussian_kl", "tanh", "sigmoid",
         "gaussian_nll", "categorical_nll", "free_bits", "squared_error")  # fmt: skip
LINES = [line.equation for line in lines_of_page()]
PAYLOADS = [
    "constructor", "constructor[0]", "__proto__", "toString", "hasOwnProperty(1)", "this", "self", "globalThis",
    "alert(1)", "executed = 1", "executed=1", "(executed=1)", "1; executed = 1", "1, executed = 1", "1\nexecuted = 1",
    "eval(1)", "Function(1)", "fetch(1)", "new Function(1)", "() => 1", "(lambda: 1)()", "__import__('os')",
    "`${executed=1}`", "'a'", '"a"', "dz[n, l] // 0 /* */", "/* */ 1", "// 1", "1 // /x/", "<script>1</script>",
    "dz[n, l]]", "dz[[n, l]]", "dz[n, l] } executed = 1 {", "dz[n][l]", "dz.length", "dz?.[0]", "dz[n, l]!", "x => x",
    "sum(1 for n in range(N))", "sum(1 for x in range(3))", "sum(1 for dz in range(3))",
    "sum(1 for constructor in range(2))",
    "sum(1 for i in range(10 ** 300))", "sum(1 for i in range(9999 * 9999))",
    "sum(1 for i in range(0 - 9999 * 9999, 1))",
    "sum(1 for i in range(9999) for j in range(9999))", "sum(sum(1 for j in range(99)) for i in range(99))",
    "sum(1 for let in range(3))", "sum(1 for i in range(1e400))", "1e400", "0x10", "1_000", "1n", "007", ".5", "5.",
    "1..2",
    "dz[10 ** 9, 0]", "dz[-1, 0]", "dz[exp(1), 0]", "dz[dz[n, l], 0]", "dz[0.5, 0]", "dz[n]", "dz", "dz()", "beta[0]",
    "eps_again[n, l]", "dlogvar[n, l]", "db1[0]", "f(1)", "df(1)", "if", "1 if", "1 if 1 else 0", "1 if a else",
    "not 1",
    "1 < 2", "(1 < 2) + 1", "1 and 2", "-", "--1", "+1", "~1", "1 ** ", "(" * 300 + "1" + ")" * 300, "-" * 300 + "1",
    "1" + " + 1" * 200, "not " * 300 + "1 < 2", "", " ", "\t", "\0", "σ", "dz[n, l]", "ｄｚ[n, l]", "sum()", "sum(1)",
    "sum(for i in range(2))", "sum(1 for in range(2))", "sum(1 for i in range())", "sum(1 for i in range(1, 2, 3))",
    "sum(1 for i in [1])", "max(1)", "exp()", "exp(1, 2)", "exp(x=1)", "range(2)", "pi", "pi()", "pi[0]", "N", "N[0]",
]  # fmt: skip
TOKENS = [
    *"()[]+-*/%<>=,;:.{}!&|^~\"'`\\ $@?", "**", "//", "==", "=>", "/*", "*/", "for", "in", "range", "if", "else", "and",
    "or", "not", "sum", "exp", "log", "n", "l", "h", "N", "L", "dz", "std", "eps", "x", "0", "1", "2.5", "1e9",
    "executed",
    "constructor", "__proto__", "this", "let", "var", "=", "\n", "\u2028", "é",
]  # fmt: skip


def hostile(count, seed=0):
    """Payloads, payloads put into good lines, good lines with slips, random tokens and random letters."""
    rng = random.Random(seed)
    good = [equation.text for equation in LINES]
    found = list(PAYLOADS)
    while len(found) < count:
        way, text = rng.randrange(4), rng.choice(good)
        at = rng.randrange(len(text) + 1)
        if way == 0:
            found.append(text[:at] + rng.choice(PAYLOADS) + text[at:])
        elif way == 1:
            cut = rng.randrange(3)
            found.append(text[:at] + rng.choice([*TOKENS, ""]) + text[at + cut :])
        elif way == 2:
            found.append(rng.choice(["", " "]).join(rng.choice(TOKENS) for _ in range(rng.randrange(1, 25))))
        else:
            found.append("".join(rng.choice(string.printable) for _ in range(rng.randrange(1, 60))))
    return found


def python_tree(text, indices):
    try:
        return as_data(parse(text, indices))
    except Refused:
        return None


def test_ten_thousand_hostile_lines_are_refused_with_a_text_or_mean_what_python_says(engine):
    texts = hostile(10_000)
    answers, executed, grew = engine(
        """globalThis.executed = 0;
        const before = Object.getOwnPropertyNames(globalThis).length;
        const run = study.createRun({ H: 8 });
        const answers = given.texts.map((text) => {
            const { tree, error } = study.typeLine(run, "dlogvar_z", text);
            if (error) return { error };
            const broken = study.createRun({ H: 8, typed: { dlogvar_z: { text, tree } } });
            broken.trainStep();
            const pass = study.createPass(broken, { x: study.digitPixels(0), eps: study.noise(1, 2) }).run();
            study.explain(pass, { name: "dlogvar_z", at: [0, 1] });
            return { tree };
        });
        return [answers, globalThis.executed, Object.getOwnPropertyNames(globalThis).length - before];""",
        texts=texts,
    )
    assert executed == grew == 0
    accepted = 0
    for text, answer in zip(texts, answers, strict=True):
        if "tree" in answer:
            accepted += 1
            assert answer["tree"] == python_tree(text.strip(), ("n", "l")) or text != text.strip(), text
        else:
            assert answer["error"]["message"], text
            assert "{" not in answer["error"]["message"] or "{" in text, answer
            assert answer["error"]["column"] >= 1
    assert 20 < accepted < 2000


def test_every_line_and_every_slip_of_one_parses_to_pythons_tree(engine):
    """The places of all parts, too."""
    pages = [page_of_small_vae(), *(page_of(op) for op in OPS if op.name in PAGES)]
    equations = [*LINES, *(e for page in pages for _, mutant in mutants_of(page) for e in mutant.equations)]
    unique = list({(e.text, e.indices): e for e in equations if not e.text.startswith("-(-")}.values())
    answers = engine(
        "return given.lines.map(([text, indices]) => study.parse(text, indices))",
        lines=[(e.text, e.indices) for e in unique],
    )
    for equation, answer in zip(unique, answers, strict=True):
        assert answer.get("tree") == python_tree(equation.text, equation.indices), (equation.text, answer)
    assert len(unique) > 300


@pytest.mark.parametrize(
    "text",
    ["(a + b) * (c - 1) / (2)", "-a ** -b ** 2", "a if not (b < c) and (c > 1 or a == b) else (d if a < 1 else 2)",
     "sum((a) * i for i in range(1, N) if i != 2 for j in range(i) if j < 3 if j > 1)", "max(a, (b), c) - min(1, 2)",
     "exp((a))", "a < b", "1 if a < b <= c != d else 0", "a // b % c - -d", "1e-8 * 5. + 2.5E3"],
)  # fmt: skip
def test_parentheses_signs_and_words_as_python_reads_them(engine, text):
    answer = engine("return study.parse(given.text, [])", text=text)
    assert answer.get("tree") == python_tree(text, ())


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("dz[n, l] * eps[n, l", "expected"),
        ("dz[n, l] * noise[n, l]", "unknown-name"),
        ("dz[n] * eps[n, l]", "indices"),
        ("dz[n, l] * dlogvar[n, l]", "not-yet"),
        ("dstd[n, l]", "not-yet"),
        ("dz[n, l] > 0", "number-needed"),
        ("dz[n, l] if eps[n, l] else 0", "condition-needed"),
        ("sin(dz[n, l])", "function"),
        ("sum(dz[n, l])", "sum-without-index"),
        ("sum(dz[n, l] for n in range(N))", "index-taken"),
        ("", "empty"),
        ("dz[n, l] dz[n, l]", "unexpected"),
        ("dz[n, l] * σ", "letter"),
        ("1" * 501, "too-long"),
    ],
)
def test_what_is_wrong_is_said_by_a_code_with_its_place(engine, text, code):
    error = engine("return study.typeLine(study.createRun(), 'dstd', given.text)", text=text)["error"]
    assert error["code"] == code
    assert 1 <= error["column"] <= len(text) + 1
    assert error["message"]


def test_a_typed_line_is_judged_by_the_checks(engine):
    right, wrong = engine(
        """return ["dz[n, l] * eps[n, l]", "dz[n, l] * std[n, l]"].map((text) => {
            const run = study.createRun({ typed: { dstd: study.typeLine(study.createRun(), "dstd", text) } });
            run.trainStep();
            return study.checks(run).differences;
        });"""
    )
    assert (right["verdict"], right["first"]) == ("agrees", [])
    assert (wrong["verdict"], wrong["first"]) == ("differs", ["dstd"])


def test_every_code_has_a_text_and_every_text_its_values(engine):
    codes = engine("return study.errorCodes")
    assert all(codes.values())
    assert len(contents()["lines"]) == len(LINES)
