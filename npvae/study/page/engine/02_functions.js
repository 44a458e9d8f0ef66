// The functions of the equations' language, and what the two evaluations of a tree share.
{
  // The one formula that is not computed as it is written: exp(a) is infinite above 709, log(1 + exp(a)) is not.
  function logOnePlusExp(a) {
    return a > 0 ? a + Math.log1p(Math.exp(-a)) : Math.log1p(Math.exp(a));
  }

  // The a of a tree that says log(1 + exp(a)); null for any other.
  function insideLogOnePlusExp([kind, value, parts]) {
    if (kind !== "call" || value !== "log" || parts[0][0] !== "binary" || parts[0][1] !== "+") return null;
    const [one, power] = parts[0][2];
    const fits = one[0] === "number" && Number(one[1]) === 1 && power[0] === "call" && power[1] === "exp";
    return fits ? power[2][0] : null;
  }

  // As in Python: the sign is that of b.
  function modulo(a, b) {
    return a - b * Math.floor(a / b);
  }

  // An index, if it lies on an axis of this size; else NaN, and an entry at NaN is NaN.
  function within(index, size) {
    return Number.isInteger(index) && index >= 0 && index < size ? index : NaN;
  }

  // A count that came as a float, as the end of a range or an index.
  function int(x) {
    return Number.isInteger(x) ? x : NaN;
  }

  // Stirling's series at x >= 10, to which the recurrence gamma(x + 1) = x * gamma(x) leads; x > 0.
  // Abramowitz & Stegun (1964), 6.1.40 and 6.3.18.
  function lgamma(x) {
    let product = 1;
    for (; x < 10; x++) product *= x;
    const s = 1 / (x * x);
    const series = (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s * (1 / 1188 - (s * 691) / 360360))))) / x;
    return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series - Math.log(product);
  }

  function digamma(x) {
    let moved = 0;
    for (; x < 10; x++) moved -= 1 / x;
    const s = 1 / (x * x);
    const series = s * (1 / 12 - s * (1 / 120 - s * (1 / 252 - s * (1 / 240 - s * (1 / 132 - (s * 691) / 32760)))));
    return moved + Math.log(x) - 0.5 / x - series;
  }

  const functions = {
    exp: Math.exp,
    log: Math.log,
    sqrt: Math.sqrt,
    tanh: Math.tanh,
    abs: Math.abs,
    max: Math.max,
    min: Math.min,
    int,
    lgamma,
    digamma,
    logOnePlusExp,
    modulo,
    within,
  };

  // [kind, value, parts, place] and all trees in it.
  function* walk(tree) {
    yield tree;
    for (const part of tree[2]) yield* walk(part);
  }

  // The names of the values that a tree reads: those of its entries, and its bare names.
  function namesIn(tree) {
    const found = new Set();
    for (const [kind, value] of walk(tree)) if (kind === "entry" || kind === "name") found.add(value);
    return found;
  }

  Object.assign(study, { functions, insideLogOnePlusExp, walk, namesIn });
}
