"""The mistakes that a reader can make with one click: edits of the text of lines, and what each check says of them.

An edit names a line, the text that it takes out and the text that it puts in. The page runs the edited line like any
other, so what is shown, what is computed and what is checked cannot disagree. The verdicts below are those after
`STEPS` steps of training; a test compares them with the page's checks.

    differences  is each gradient line the slope of the loss, by differences?
    twice        does the same backward, run twice, give the same numbers?
    kl           is kl the mean of log q - log p over draws of the model's own sampler?
    sums         do the probabilities of all images add up to 1?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from npvae.pages.read import Equation, read_equation
from npvae.pages.trees import as_data

AGREES, DIFFERS = "agrees", "differs"
STEPS = 3
"""Early: fifty steps after the KL term's sign was turned, the loss is so steep that differences cannot tell."""


@dataclass(frozen=True)
class Edit:
    """Text of one line and what stands there instead."""

    line: str
    old: str
    new: str

    def apply(self, equation: Equation) -> Equation:
        """The edited equation. ValueError if the text is not there exactly once."""
        count = equation.text.count(self.old)
        if count != 1:
            raise ValueError(f"{self.line}: {self.old!r} stands {count} times in {equation.text!r}, expected once")
        text = equation.text.replace(self.old, self.new)
        return read_equation(f"{equation.left} = {text}", equation.number, equation.section, equation.page)

    def as_data(self, equation: Equation) -> dict[str, Any]:
        """For JSON: the edit, the place of its text in the line, and the new line."""
        edited, start = self.apply(equation), equation.text.index(self.old)
        return {
            "line": self.line,
            "from": self.old,
            "to": self.new,
            "at": [start, start + len(self.old)],
            "text": edited.text,
            "tree": as_data(edited.tree),
        }


@dataclass(frozen=True)
class Break:
    """One mistake. `first` holds the lines whose gradient is wrong though all that they are made of is right."""

    id: str
    edits: Sequence[Edit]
    first: Sequence[str] = ()
    twice: str = AGREES
    kl: str = AGREES
    sums: str = AGREES

    @property
    def verdicts(self) -> dict[str, Any]:
        """What the four checks say."""
        differences = DIFFERS if self.first else AGREES
        return {
            "differences": differences,
            "first": list(self.first),
            "twice": self.twice,
            "kl": self.kl,
            "sums": self.sums,
        }

    def fits(self, equations: Mapping[str, Equation]) -> bool:
        """Whether each text stands in its line exactly once. A page that was edited by hand may have lost one."""
        return all(equations[edit.line].text.count(edit.old) == 1 for edit in self.edits)

    def as_data(self, equations: Mapping[str, Equation]) -> dict[str, Any]:
        """For JSON, with the lines that it changes. ValueError if a text is not there exactly once."""
        edits = [edit.as_data(equations[edit.line]) for edit in self.edits]
        return {"id": self.id, "edits": edits, "verdicts": self.verdicts}


_BIASES = ("db4", "db3", "db2", "db1")
_SIGN_OF_KL_BACKWARD = (Edit("dmu_kl", "dkl[n]", "-dkl[n]"), Edit("dlogvar_kl", "dkl[n]", "-dkl[n]"))
BREAKS = (
    Break("noise-again", [Edit("dstd", "eps[n, l]", "eps_again[n, l]")], first=["dstd"], twice=DIFFERS),
    Break("kl-half-backward", [Edit("dlogvar_kl", " / 2", "")], first=["dlogvar_kl"]),
    Break(
        "kl-half-both",
        [
            Edit("kl", " / 2", ""),
            Edit("dmu_kl", "mu[n, l]", "mu[n, l] * 2"),
            Edit("dlogvar_kl", " / 2", ""),
        ],
        kl=DIFFERS,
    ),
    Break("std-is-variance", [Edit("std", " / 2", ""), Edit("dlogvar_z", " / 2", "")], kl=DIFFERS),
    Break("std-half-backward", [Edit("dlogvar_z", " / 2", "")], first=["dlogvar_z"]),
    Break("kl-sign-both", [Edit("kl", "sum(", "-sum("), *_SIGN_OF_KL_BACKWARD], kl=DIFFERS),
    Break("kl-sign-backward", _SIGN_OF_KL_BACKWARD, first=["dmu_kl", "dlogvar_kl"]),
    Break("dmu-without-kl", [Edit("dmu", " + dmu_kl[n, l]", "")], first=["dmu"]),
    Break("dh1-without-logvar", [Edit("dh1", "range(J)", "range(L)")], first=["dh1"]),
    Break("relu-gate", [Edit("da2", " if a2[n, h] > 0 else 0", "")], first=["da2"]),
    Break("bias-mean", [Edit(line, "for n in range(N))", "for n in range(N)) / N") for line in _BIASES], first=_BIASES),
    Break(
        "nll-mean",
        [Edit("nll", "for d in range(D))", "for d in range(D)) / D"), Edit("dlogits", "dnll[n]", "dnll[n] / D")],
        sums=DIFFERS,
    ),
    Break(
        "no-noise",
        [Edit("z", " + std[n, l] * eps[n, l]", ""), Edit("dstd", " * eps[n, l]", " * 0")],
        kl=DIFFERS,
    ),
)
