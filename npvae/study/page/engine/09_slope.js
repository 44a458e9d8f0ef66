// The slope of the loss by differences, with a bound of its error: the judge of every gradient.
//
// D(h) = (loss(+h) - loss(-h)) / 2h is off by about h**2, so D(h) and D(h / 4) together give a better value,
// (16 D(h / 4) - D(h)) / 15, and their difference bounds its error. Rounding of the loss adds its own part, which grows
// as h shrinks. Of four pairs the one with the smallest bound is taken. Where even that bound is wide (on a kink of
// ReLU), the verdict is "cannot_tell", and not a false alarm; so it is once training has diverged, whatever the numbers.
{
  const STEPS = [2 ** -6, 2 ** -8, 2 ** -10, 2 ** -12, 2 ** -14];
  const ROUNDING = 32 * Number.EPSILON; // of a loss that is a sum of some hundred terms
  const WIDE = 1e-2; // a bound that is a larger part of the slope says nothing
  const NEGLIGIBLE = 1e-7, ORDINARY = 1e3; // slopes this much smaller than an ordinary loss count as zero

  // {value, bound} of the slope at 0 of f, the loss as a function of one step.
  function slopeOf(f) {
    const magnitude = Math.abs(f(0));
    const quotients = STEPS.map((h) => (f(h) - f(-h)) / (2 * h));
    let best = { value: NaN, bound: Infinity };
    for (let k = 1; k < STEPS.length; k++) {
      const value = (16 * quotients[k] - quotients[k - 1]) / 15;
      const bound = Math.abs(quotients[k] - quotients[k - 1]) + (ROUNDING * (magnitude + 1)) / STEPS[k];
      if (bound < best.bound) best = { value, bound };
    }
    return { ...best, magnitude };
  }

  // What a slope by differences says of a claim.
  function judge(pass, claim, { value, bound, magnitude }) {
    const answer = { claim, value, bound };
    if (pass.model.diverged || ![value, bound].every(Number.isFinite)) return { ...answer, verdict: "cannot_tell" };
    if (!Number.isFinite(claim)) return { ...answer, verdict: "differs" };
    const allowed = bound + 1e-12 * Math.abs(claim);
    const scale = Math.max(Math.abs(claim), Math.abs(value));
    const wide = allowed > Math.max(WIDE * scale, NEGLIGIBLE * (1 + Math.min(magnitude, ORDINARY)));
    if (Math.abs(claim - value) <= allowed) return { ...answer, verdict: wide ? "cannot_tell" : "agrees" };
    return { ...answer, verdict: "differs" };
  }

  // The gradient line that claims to be the slope by a value: "dz" for "z".
  function gradientOf(name) {
    return study.backwardLines.find((line) => line.of === name && !line.via)?.id;
  }

  // {value, bound, claim, verdict} for an entry of a gradient, or of what has one; null for what has none.
  function slope(pass, { name, at }) {
    const id = study.lineOf[name]?.of ? name : gradientOf(name);
    if (!id) return null;
    const { of, via } = study.lineOf[id];
    const place = study.placeOf(at, pass.shape(of));
    const direction = new Float64Array(pass.values[of].length);
    direction[place] = 1;
    return judge(pass, pass.values[id][place], slopeOf((h) => pass.lossWith(of, direction, h, via)));
  }

  // The same along a direction through all entries of a gradient at once, for the checks.
  function slopeAlong(pass, id, direction) {
    const { of, via } = study.lineOf[id];
    const claim = pass.values[id].reduce((sum, value, i) => sum + value * direction[i], 0);
    return judge(pass, claim, slopeOf((h) => pass.lossWith(of, direction, h, via)));
  }

  Object.assign(study, { slope, slopeAlong });
}
