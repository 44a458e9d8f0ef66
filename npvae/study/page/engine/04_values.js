// The second of two ways to compute an equation: one entry, by walking through its tree. The lens shows how.
//
// A scope says what the names stand for:
//     at     {n: 0, l: 1}            the indices
//     sizes  {N: 4, L: 2, ...}
//     read   (name, at) => number    an entry of a value, or a value without indices
{
  const SIGNS = {
    "+": (a, b) => a + b,
    "-": (a, b) => a - b,
    "*": (a, b) => a * b,
    "/": (a, b) => a / b,
    "**": Math.pow,
    "//": (a, b) => Math.floor(a / b),
    "%": (a, b) => study.functions.modulo(a, b),
    "<": (a, b) => a < b,
    "<=": (a, b) => a <= b,
    ">": (a, b) => a > b,
    ">=": (a, b) => a >= b,
    "==": (a, b) => a === b,
    "!=": (a, b) => a !== b,
  };

  // What a tree comes to.
  function valueOf(tree, scope) {
    const [kind, value, parts] = tree;
    const inside = study.insideLogOnePlusExp(tree);
    if (inside) return study.functions.logOnePlusExp(valueOf(inside, scope));
    if (kind === "number") return Number(value);
    if (kind === "name") return nameOf(value, scope);
    if (kind === "entry") return scope.read(value, parts.map((part) => valueOf(part, scope)));
    if (kind === "negative") return -valueOf(parts[0], scope);
    if (kind === "binary") return SIGNS[value](valueOf(parts[0], scope), valueOf(parts[1], scope));
    if (kind === "if") return valueOf(holds(parts[0], scope) ? parts[1] : parts[2], scope);
    if (kind === "over") return together(value, termsOf(tree, scope).map((term) => valueOf(parts[0], term)));
    const called = { ...study.functions, ...scope.functions };
    return called[value](...parts.map((part) => valueOf(part, scope)));
  }

  function nameOf(name, { at, sizes, read }) {
    if (Object.hasOwn(at, name)) return at[name];
    if (name === "pi") return Math.PI;
    return Object.hasOwn(sizes, name) ? sizes[name] : read(name, []);
  }

  // Whether a condition is true.
  function holds([kind, value, parts], scope) {
    if (kind === "compare") {
      const sides = parts.map((part) => valueOf(part, scope));
      return value.split(" ").every((sign, k) => SIGNS[sign](sides[k], sides[k + 1]));
    }
    if (value === "not") return !holds(parts[0], scope);
    return value === "and" ? parts.every((part) => holds(part, scope)) : parts.some((part) => holds(part, scope));
  }

  function together(kind, terms) {
    if (kind === "sum") return terms.reduce((sum, term) => sum + term, 0);
    return terms.reduce((a, b) => study.functions[kind](a, b));
  }

  // The scopes in which the terms of a sum stand: one for each value of its indices.
  function termsOf([, , [, ...ranges]], scope) {
    let scopes = [scope];
    for (const [, index, [first, end, ...conditions]] of ranges) {
      scopes = scopes.flatMap((outer) => {
        const [from, to] = [valueOf(first, outer), valueOf(end, outer)];
        const inner = [];
        for (let i = from; i < to; i++) inner.push({ ...outer, at: { ...outer.at, [index]: i } });
        return inner.filter((each) => conditions.every((condition) => holds(condition, each)));
      });
    }
    return scopes;
  }

  // Every entry that a tree reads where it stands, each once: [{name, at}], in the order in which they are met.
  function operandsOf(tree, scope) {
    const found = new Map();
    const read = (name, at) => {
      found.set(study.entryText({ name, at }), { name, at });
      return scope.read(name, at);
    };
    valueOf(tree, { ...scope, read });
    return [...found.values()];
  }

  Object.assign(study, { valueOf, holds, termsOf, operandsOf });
}
