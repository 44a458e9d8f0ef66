// The lens: what one number is made of, and what it feeds.
{
  const MOST_TERMS = 8, MOST_ENTRIES = 12;

  // All that the page says about one entry, {name, at}, of a pass. null for an entry that there is not.
  function explain(pass, entry) {
    const { name, at } = entry;
    if (!fits(pass, entry)) return null;
    const kind = study.kindOf(name);
    const found = { entry, text: study.entryText(entry), value: pass.value(name, at), kind, line: null };
    if (kind !== "line") return { ...found, equation: [], operands: [], sum: null, branch: null, of: null, via: "" };
    const line = pass.lines[name];
    const scope = pass.scope(Object.fromEntries(line.indices.map((index, k) => [index, at[k]])));
    const choice = [...study.walk(line.tree)].find(([each]) => each === "if");
    return {
      ...found,
      line,
      equation: piecesOf(line.tree, line.text, scope, pass),
      operands: study.operandsOf(line.tree, scope).map((each) => ({ entry: each, value: pass.value(each.name, each.at) })),
      sum: sumOf(line, scope, pass),
      branch: choice && !insideSum(line.tree, choice) ? Number(study.holds(choice[2][0], scope)) : null,
      check: study.valueOf(line.tree, scope),
      of: line.of ? { name: line.of, at } : null,
      via: line.via,
    };
  }

  function fits(pass, { name, at }) {
    if (study.kindOf(name) === null) return false;
    const shape = pass.shape(name);
    return at.length === shape.length && at.every((index, k) => Number.isInteger(index) && index >= 0 && index < shape[k]);
  }

  // The text of a tree in pieces, letter for letter but for the indices, which are put in. An entry whose indices are
  // all known is a link with its value; in a sum, those with the sum's own index stay text.
  function piecesOf(tree, text, scope, pass) {
    const marks = [];
    collect(tree, marks);
    const [first, end] = tree[3];
    const pieces = [];
    let column = first;
    for (const mark of marks.sort((a, b) => a.at[0] - b.at[0])) {
      if (mark.at[0] < column) continue;
      push(text.slice(column, mark.at[0]));
      if (mark.entry) pieces.push(mark.piece);
      else push(mark.piece.text, mark.piece);
      column = mark.at[1];
    }
    push(text.slice(column, end));
    return pieces;

    function push(words, piece = { text: words }) {
      if (words) pieces.push(piece);
    }

    function collect(part, into) {
      const [kind, value, parts, place] = part;
      if (kind === "entry" && parts.every(known)) {
        const entry = { name: value, at: parts.map((index) => study.valueOf(index, scope)) };
        if (fits(pass, entry)) return into.push({ at: place, entry, piece: linkTo(entry) });
      }
      if (kind === "name" && Object.hasOwn(scope.at, value)) {
        return into.push({ at: place, piece: { text: String(scope.at[value]) } });
      }
      if (kind === "name" && Object.hasOwn(scope.sizes, value)) {
        return into.push({ at: place, piece: { text: value, value: scope.sizes[value] } });
      }
      if (kind === "name" && study.kindOf(value) !== null) {
        const entry = { name: value, at: [] };
        return into.push({ at: place, entry, piece: linkTo(entry) });
      }
      for (const each of parts) collect(each, into);
    }

    function linkTo(entry) {
      return { text: study.entryText(entry), entry, value: pass.value(entry.name, entry.at) };
    }

    function known(index) {
      return [...study.walk(index)].every(
        ([kind, value]) => kind !== "name" || Object.hasOwn(scope.at, value) || Object.hasOwn(scope.sizes, value),
      );
    }
  }

  // The terms of the line's first sum, the largest first; null if it has none.
  function sumOf(line, scope, pass) {
    const sum = [...study.walk(line.tree)].find(([kind, value]) => kind === "over" && value === "sum");
    if (!sum) return null;
    const terms = study.termsOf(sum, scope).map((inner) => ({
      pieces: piecesOf(sum[2][0], line.text, inner, pass),
      value: study.valueOf(sum[2][0], inner),
    }));
    const size = (term) => Math.abs(term.value);
    const all = terms.reduce((total, term) => total + size(term), 0);
    for (const term of terms) term.share = all > 0 ? size(term) / all : 0;
    terms.sort((a, b) => size(b) - size(a));
    const rest = terms.slice(MOST_TERMS);
    return {
      terms: terms.slice(0, MOST_TERMS),
      count: terms.length,
      rest: { count: rest.length, value: rest.reduce((total, term) => total + term.value, 0) },
    };
  }

  function insideSum(tree, part) {
    return [...study.walk(tree)].some((each) => each[0] === "over" && [...study.walk(each)].includes(part));
  }

  // What an entry feeds: for each line that reads it, the entries of that line.
  function consumers(pass, entry) {
    const text = study.entryText(entry);
    const found = [];
    for (const { id } of study.data.lines) {
      const line = pass.lines[id];
      if (line.kind === "size" || !study.namesIn(line.tree).has(entry.name)) continue;
      const entries = positions(pass.shape(id), boundBy(line, entry)).filter((at) => {
        const scope = pass.scope(Object.fromEntries(line.indices.map((index, k) => [index, at[k]])));
        return study.operandsOf(line.tree, scope).some((each) => study.entryText(each) === text);
      });
      const shown = entries.slice(0, MOST_ENTRIES).map((at) => ({ name: id, at }));
      if (entries.length) found.push({ line: id, entries: shown, count: entries.length });
    }
    return found;
  }

  // What the entry's indices say of the indices on the left, one [values] or null per axis: in h1[n, h] an n is the n
  // of the line. Only a shortcut: what is left is looked at one by one.
  function boundBy(line, { name, at }) {
    const entries = [...study.walk(line.tree)].filter(([kind, value]) => kind === "entry" && value === name);
    return line.indices.map((index) => {
      const values = entries.map(([, , parts]) => at[parts.findIndex(([kind, value]) => kind === "name" && value === index)]);
      return values.length && values.every((value) => value !== undefined) ? [...new Set(values)] : null;
    });
  }

  function positions(shape, bound) {
    return shape.reduce(
      (before, size, k) => {
        const values = bound[k] ? bound[k].filter((value) => value < size) : Array.from({ length: size }, (_, i) => i);
        return before.flatMap((at) => values.map((value) => [...at, value]));
      },
      [[]],
    );
  }

  Object.assign(study, { explain, consumers });
}
