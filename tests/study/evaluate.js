// A page of equations, evaluated entry by entry as each is asked for, as npvae/pages/computation.py does it: recurrences
// run forward and backward in time. The trees are evaluated by the engine.
function evaluatePage({ equations, given, sizes, inner }) {
  const memo = equations.map(() => new Map());
  const functions = inner ? calledOf(inner) : {};
  const same = (a, b) => JSON.stringify(a.map(([kind, value]) => [kind, value])) === JSON.stringify(b);

  function sourceOf(k, name, parts) {
    const defines = equations.flatMap((each, j) => (each.name === name && each.section !== "Identities" ? [j] : []));
    const own = equations[k].indices.map((index) => ["name", index]);
    if (defines.includes(k) && !same(parts, own)) return { line: k };
    const above = defines.filter((j) => j < k);
    if (above.length) return { line: above.at(-1) };
    if (Object.hasOwn(given, name)) return { array: given[name] };
    const below = defines.filter((j) => j > k);
    return below.length ? { line: below[0] } : null;
  }

  function entryAt(k, at) {
    const { indices, tree, shape } = equations[k];
    if (!at.every((index, axis) => Number.isInteger(index) && index >= 0 && index < shape[axis])) throw new Error("outside");
    const key = at.join();
    if (!memo[k].has(key)) {
      const where = Object.fromEntries(indices.map((index, axis) => [index, at[axis]]));
      memo[k].set(key, study.valueOf(withSources(k, tree), { at: where, sizes, read, functions }));
    }
    return memo[k].get(key);
  }

  // The tree with each name of a value replaced by [k, name]: where its entries come from.
  const prepared = equations.map(() => null);
  function withSources(k) {
    const visit = ([kind, value, parts, at], bound) => {
      if (kind === "entry") return [kind, { source: sourceOf(k, value, parts), value }, parts.map((part) => visit(part, bound)), at];
      const isValue = kind === "name" && !bound.has(value) && value !== "pi" && sourceOf(k, value, []);
      if (isValue) return ["entry", { source: sourceOf(k, value, []), value }, [], at];
      const inside = kind === "over" ? new Set([...bound, ...parts.slice(1).map((range) => range[1])]) : bound;
      return [kind, value, parts.map((part) => visit(part, inside)), at];
    };
    prepared[k] ??= visit(equations[k].tree, new Set(equations[k].indices));
    return prepared[k];
  }

  function read({ source }, at) {
    return "line" in source ? entryAt(source.line, at) : at.reduce((array, index) => array[index], source.array);
  }

  return equations.map((equation, k) => nested(equation.shape, (at) => entryAt(k, at)));
}

// What f and df are on a page that leaves them to another one.
function calledOf({ forward, slope, argument, output, params }) {
  const run = (equations, a, more) => {
    const shaped = equations.map((each) => ({ ...each, shape: [1, 1] }));
    const found = evaluatePage({ equations: shaped, given: { ...params, [argument]: [[a]], ...more }, sizes: { N: 1, D: 1 } });
    return found.at(-1)[0][0];
  };
  return { f: (a) => run(forward, a, {}), df: (a) => run([...forward, ...slope], a, { [`d${output}`]: [[1]] }) };
}

// The same equations as loops, each line after the other.
function runLoops({ equations, given, sizes }) {
  const axes = {};
  const values = {};
  const all = { ...sizes };
  const named = (name, shape) => {
    axes[name] = shape.map((size, axis) => `${name}_${axis}`);
    axes[name].forEach((symbol, axis) => (all[symbol] = shape[axis]));
  };
  for (const [name, array] of Object.entries(given)) {
    named(name, shapeOf(array));
    values[name] = Float64Array.from([array].flat(Infinity));
  }
  for (const equation of equations) {
    named(equation.name, equation.shape);
    values[equation.name] = new Float64Array(equation.shape.reduce((a, b) => a * b, 1));
    if (/^[A-Z]$/.test(equation.name)) {
      all[equation.name] = study.valueOf(equation.tree, { at: {}, sizes: all, read: () => NaN });
    } else {
      study.compile({ ...equation, shape: axes[equation.name] }, (name) => axes[name])(values, all);
    }
  }
  return equations.map(({ name, shape }) => nested(shape, (at) => (name in all ? all[name] : values[name][study.placeOf(at, shape)])));
}

function shapeOf(array) {
  return Array.isArray(array) ? [array.length, ...(array.length ? shapeOf(array[0]) : [])] : [];
}

function nested(shape, entry, at = []) {
  if (at.length === shape.length) return entry(at);
  return Array.from({ length: shape[at.length] }, (_, i) => nested(shape, entry, [...at, i]));
}
