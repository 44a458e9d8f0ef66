// A line that somebody typed in place of one of the page's: whether its names and sizes fit, before anything runs.
{
  const MOST_WORK = 1e6; // terms that one line may compute for a batch
  const BATCH = 100;

  // {tree} if `text` can stand as the right side of this line, or {error}.
  function typeLine(run, id, text) {
    const line = study.lineOf[id];
    const parsed = study.parse(text, line.indices);
    if (parsed.error) return parsed;
    const error = faultOf(parsed.tree, { line, sizes: study.sizesOf(BATCH, run.H, run.L), bound: line.indices });
    return error ? { error } : { tree: parsed.tree, text: String(text) };
  }

  // The first thing that is wrong with a tree; null if nothing is.
  function faultOf(tree, context) {
    const [kind, name, parts, [from]] = tree;
    const fault = (code, values = {}) => study.errorOf(code, { found: name, ...values }, from + 1);
    if (kind === "number" && !Number.isFinite(Number(name))) return fault("number");
    if (kind === "name" && !isIndexOrSize(name, context)) {
      const wrong = faultOfValue(name, 0, context, fault);
      if (wrong) return wrong;
    }
    if (kind === "entry") {
      const wrong = faultOfValue(name, parts.length, context, fault) ?? parts.map((part) => faultOfIndex(part, context)).find(Boolean);
      if (wrong) return wrong;
    }
    if (kind !== "over") return parts.map((part) => faultOf(part, context)).find(Boolean) ?? null;
    return faultOfSum(tree, context);
  }

  function isIndexOrSize(name, { bound, sizes }) {
    return bound.includes(name) || Object.hasOwn(sizes, name) || name === "pi";
  }

  function faultOfValue(name, count, { line }, fault) {
    const kind = study.kindOf(name);
    if (kind === null || name === "eps_again") return fault("unknown-name");
    const wanted = study.axesOf(name).length;
    if (wanted !== count) return fault("indices", { count, wanted });
    return kind === "line" && study.lineOf[name].number >= line.number ? fault("not-yet") : null;
  }

  // An index counts: names of indices and sizes, whole numbers, +, - and *.
  function faultOfIndex(tree, context) {
    const wrong = [...study.walk(tree)].find(([kind, value]) => {
      if (kind === "number") return !/^\d{1,4}$/.test(value);
      if (kind === "name") return !isIndexOrSize(value, context) || value === "pi";
      return !(kind === "binary" && "+-*".includes(value));
    });
    return wrong ? study.errorOf("index", { found: wrong[1] }, wrong[3][0] + 1) : null;
  }

  // What a sum runs over, and how many terms that makes.
  function faultOfSum([, , [term, ...ranges], [from]], { line, sizes, bound }) {
    let inner = bound;
    let work = line.shape.reduce((product, symbol) => product * sizes[symbol], 1);
    for (const [, index, [first, end, ...conditions], place] of ranges) {
      const taken = !/^[a-z]\d?$/.test(index) || study.kindOf(index) !== null;
      if (taken) return study.errorOf("index-taken", { found: index }, place[0] + 1);
      const context = { line, sizes, bound: inner };
      const wrong = faultOfIndex(first, context) ?? faultOfIndex(end, context);
      if (wrong) return wrong;
      work *= largest(first, sizes) + largest(end, sizes);
      inner = [...inner, index];
      const deeper = conditions.map((condition) => faultOf(condition, { line, sizes, bound: inner })).find(Boolean);
      if (deeper) return deeper;
    }
    if (work > MOST_WORK) return study.errorOf("too-much-work", { most: MOST_WORK }, from + 1);
    const nested = [...study.walk(term)].find(([kind]) => kind === "over");
    if (nested) return study.errorOf("sum-in-sum", {}, nested[3][0] + 1);
    return faultOf(term, { line, sizes, bound: inner });
  }

  // A bound of the whole number that an end of a range can come to: no index is larger than the largest size.
  function largest([kind, value, parts], sizes) {
    if (kind === "number") return Number(value);
    if (kind === "name") return sizes[value] ?? BATCH;
    const [a, b] = parts.map((part) => largest(part, sizes));
    return value === "*" ? a * b : a + b;
  }

  Object.assign(study, { typeLine });
}
