"""Check 6: what to make of an entry that disagrees. A kink, rounding, or a wrong gradient?

Nothing is passed in silence: an entry that cannot be settled is INCONCLUSIVE.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from npvae.gradcheck.ground import thresholds as t
from npvae.gradcheck.ground.findings import FAIL, INCONCLUSIVE, PASS
from npvae.gradcheck.slopes.beside import closeness, slope_around, slope_nearby, slope_nearer
from npvae.gradcheck.slopes.claim import Claim
from npvae.gradcheck.slopes.differences import Slope, central_slope
from npvae.gradcheck.slopes.line import Line
from npvae.gradcheck.slopes.numeric_loss import Along
from npvae.gradcheck.slopes.ruling import AROUND, BESIDE, UNSEEN, Ruling
from npvae.gradcheck.slopes.sides import apart, by_sides, error_of, hides_nothing, one_sided, sides_against

__all__ = ["adjudicate"]


def adjudicate(claim: Claim, i: int, line: Line | None = None) -> Ruling:
    """Rule on entry i, where the claim disagrees or could not be compared.

    line  what was seen along the entry before, if anything was
    """
    line = line or Line(claim.loss, claim.k, i)
    ruling = _second_look(claim, line, _first_look(claim, line))
    single = claim.first_run.case.inputs[claim.k].dtype == np.float32
    if ruling.verdict in (FAIL, INCONCLUSIVE) and single and not claim.low:
        return _in_float64(claim, line, ruling)
    return ruling


def _in_float64(claim: Claim, line: Line, ruling: Ruling) -> Ruling:
    """In float64 the same lines may be right here: then only what float32 leaves is wrong, or something else is."""
    exact, moved, scatter = (found[claim.position] for found in claim.first_run.in_double())
    if exact is None or moved is None or scatter is None or exact.shape != claim.grad.shape:
        return ruling
    exact = claim.loss.in_set(claim.k, exact)
    loss, k, i = claim.loss, claim.k, line.i
    claimed, double = claim.of_entry(i), float(exact.flat[i])
    left_over = t.FLOAT32_KEEPS * abs(claimed - ruling.numeric) + t.FLOAT32_ERRORS * ruling.error
    if abs(double - ruling.numeric) > left_over:
        step = loss.entry_step(k, i)
        again = central_slope(
            line.quotient(), claim=double, rtol=t.AGAIN_RTOL, atol=claim.tolerance.atol,
            step=step or loss.first_step,
        )  # fmt: skip
        if step == 0.0 or not again.agrees:
            return ruling
    eps = float(np.finfo(np.float32).eps)
    entering = max((float(np.max(np.abs(x), initial=1.0)) for x in loss.inputs), default=1.0)
    leaving = max(float(np.max(np.abs(y), initial=1.0)) for y in claim.first_run.outputs)
    largest = max(entering, leaving)  # what is inside is as large as what leaves: sums along a path, say
    ordinary = loss.case.regime == "generic"
    if not ordinary:
        largest *= entering  # two large numbers may meet in one product (the scores of attention), and all but cancel
    most = max((float(np.max(np.abs(dy), initial=0.0)) for dy in loss.dys), default=0.0)
    rounding = t.FLOAT32_ULPS * eps * (float(np.max(np.abs(exact), initial=0.0)) + most * largest)
    # Away from ordinary values float32 may scatter as it likes; at ordinary ones by a few times the rounding expected.
    room = t.FLOAT32_SPREAD * float(scatter.flat[i])
    room = min(room, t.FLOAT32_SCATTER * rounding) if ordinary else room
    if abs(claimed - double) <= rounding + max(t.FLOAT32_SPREAD * float(moved.flat[i]), room):
        return Ruling(PASS, ruling.numeric, ruling.error, reason="within the rounding of float32")
    return ruling


def _second_look(claim: Claim, line: Line, ruling: Ruling) -> Ruling:
    """A PASS if the claim is a slope beside the entry, where kinks are nearer than steps or entries are equal."""
    i = line.i
    if ruling.verdict == PASS or claim.loss.entry_step(claim.k, i) == 0.0:
        return ruling
    # What is slightly off everywhere is slightly off beside it too: only what is far off is looked at again.
    claimed = claim.of_entry(i)
    size = max(abs(claimed), abs(ruling.numeric))
    off = abs(claimed - ruling.numeric)
    near = slope_nearer(claim, line)
    if near.agrees and (off > t.NEARER_FAR_OFF * size or ruling.verdict != FAIL):
        return Ruling(PASS, near.value, near.error, reason=BESIDE)
    far_off = ruling.verdict == FAIL and off > t.FAR_BESIDE * closeness(claim) * size
    if far_off and slope_nearby(claim, i):
        return Ruling(PASS, claimed, near.error, reason=BESIDE)
    if far_off and slope_around(claim, i, off):
        return Ruling(PASS, claimed, near.error, reason=AROUND)
    if ruling.verdict == FAIL and near.error < t.NEARER_BETTER * min(ruling.error, abs(near.value)):
        return replace(ruling, numeric=near.value, error=near.error)
    return ruling


def _first_look(claim: Claim, line: Line) -> Ruling:
    """Rule on an entry by differences, as the loss trembles nearby, and further away if that excuses nothing."""
    step = claim.loss.entry_step(claim.k, line.i)
    if step == 0.0:
        return by_sides(claim, line, one_sided(line))
    if (slope := _clearly_another(claim, line, step)) is not None:
        sides = one_sided(line)
        return by_sides(claim, line, sides) if apart(sides) else Ruling(FAIL, slope.value, slope.error)
    noise = line.noise_nearby()
    ruling = _by_differences(claim, line, step, noise)
    if ruling.verdict in (FAIL, INCONCLUSIVE) and (more := line.noise_further()) > noise:
        return _by_differences(claim, line, step, more)
    return ruling


def _clearly_another(claim: Claim, line: Line, step: float) -> Slope | None:
    """The slope where the claim is so far off it that no trembling excuses it, which is dear to measure; else None."""
    if claim.low:
        return None
    along, claimed = line.quotient(), claim.of_entry(line.i)
    along.floor = line.rounding
    slope = central_slope(along, step=step)
    off = abs(slope.value - claimed)
    clear = off > t.CLEARLY_OFF * (slope.error + claim.tolerance.atol)
    return slope if clear and _holds(along, slope, off) else None


def _holds(along: Along, slope: Slope, off: float) -> bool:
    """Whether shorter steps see the same slope, so that a claim which is off by so much is none.

    What is quantised inside may give the same quotient again and again by chance, while steps are halved.
    """
    return all(
        abs(along(slope.step / shorter) - slope.value) < t.HOLDS_SHARE * off + along.noise() for shorter in t.HOLDS_AT
    )


def _by_differences(claim: Claim, line: Line, step: float, noise: float) -> Ruling:
    """Rule on an entry by central differences, by shorter ones, and from each side, where the loss trembles so much."""
    loss, tolerance, claimed = claim.loss, claim.tolerance, claim.of_entry(line.i)
    largest = float(np.max(np.abs(claim.grad), initial=0.0))
    along = line.quotient()
    along.floor = noise
    slope = central_slope(along, step=step)
    difference = abs(slope.value - claimed)
    unsettled = slope.error > max(t.UNSETTLED_SHARE * difference, t.UNSETTLED_NOISE * noise / slope.step)
    bends = loss.low and _bends(claim, line, step, noise)
    if unsettled or bends:
        # Not for rounding: a kink may be near, and short steps see this side of it.
        forgiven = t.NEAR_FORGIVE_LOW if loss.low else t.NEAR_FORGIVE
        near = central_slope(
            along,
            claim=claimed,
            rtol=tolerance.rtol,
            atol=tolerance.atol,
            forgive=forgiven * max(abs(claimed), abs(slope.value), t.NEAR_LEAST * largest),
            step=step / (t.NEAR_SHORTER_LOW if loss.low else t.NEAR_SHORTER),
        )
        if near.agrees:
            return Ruling(PASS, near.value, near.error, reason="a kink is near")
        if bends:
            return Ruling(UNSEEN, near.value, near.error, reason="a kink is nearer than float32 can look")
        if near.error < slope.error:
            slope, difference = near, abs(near.value - claimed)
    sides = one_sided(line)
    if apart(sides):
        return by_sides(claim, line, sides)
    trembling = t.TREMBLING * noise / max(slope.step, t.NO_STEP)
    allowed = tolerance.rtol * abs(slope.value) + tolerance.atol
    if difference <= allowed:
        return Ruling(PASS, slope.value, slope.error)
    # Kinks all around may make long central steps settle on nothing: slopes from both sides are then known better.
    if error_of(claim, sides) < slope.error and (better := by_sides(claim, line, sides)).verdict == PASS:
        return better
    # They may also settle across a kink, on a slope that neither side has: that is no evidence against the claim.
    if not loss.low and (on_its_side := sides_against(claim, line, sides, slope)):
        return on_its_side
    clear = difference > allowed + trembling and difference > t.CLEAR_ERRORS * slope.error
    if clear and (loss.low or _holds(along, slope, difference)):
        return Ruling(FAIL, slope.value, slope.error)
    if difference <= allowed + trembling:
        if trembling <= max(t.HIDDEN_RTOL * abs(slope.value), hides_nothing(claim)):
            return Ruling(PASS, slope.value, trembling, reason="within the noise of the forward")
        return Ruling(UNSEEN, slope.value, trembling, reason=f"the forward is uncertain by {noise:.1g}, which hides it")
    return Ruling(INCONCLUSIVE, slope.value, slope.error, reason="the differences do not settle")


def _bends(claim: Claim, line: Line, step: float, noise: float) -> bool:
    """Whether the curvature along an entry is not the same at long steps and at short ones, as beside a kink."""
    loss = claim.loss
    here = loss.here
    lengths = [step / shorter for shorter in t.BEND_LENGTHS]
    curvatures = [abs(loss.dot(line(h), here) + loss.dot(line(-h), here)) / h**2 for h in lengths]
    return any(
        abs(near - far) > t.BEND_SHARE * max(near, far) + t.BEND_NOISE * noise / h**2
        for far, near, h in zip(curvatures, curvatures[1:], lengths, strict=False)
    )
