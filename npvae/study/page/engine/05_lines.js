// The lines in force: those of the pages, with one mistake put in or a line that somebody typed.
{
  const compiled = new Map(); // text of a line -> its function: most lines of most runs are the same

  function functionOf(line) {
    const key = `${study.leftOf(line)} = ${line.text}`;
    if (!compiled.has(key)) compiled.set(key, study.compile(line));
    return compiled.get(key);
  }

  // {id: line} with the edits of a break, and trees that were typed: {dstd: {text, tree}}.
  function linesInForce(breakId = "", typed = {}) {
    const lines = { ...study.lineOf };
    const mistake = breakId ? study.data.breaks.find((each) => each.id === breakId) : { edits: [] };
    if (!mistake) throw new Error(`no break is called ${breakId}`);
    for (const { line, text, tree } of mistake.edits) lines[line] = { ...lines[line], text, tree, changed: true };
    for (const id of Object.keys(typed)) {
      lines[id] = { ...lines[id], text: typed[id].text, tree: typed[id].tree, changed: true };
    }
    return lines;
  }

  // Their functions in the order in which they run. A line of kind "size" is a size, not a value.
  function program(lines, section) {
    return study.data.lines
      .filter((line) => line.kind !== "size" && (!section || line.section === section))
      .map((line) => ({ id: line.id, via: line.via, run: functionOf(lines[line.id]) }));
  }

  // {N, D, H, L, J}: those that the model is made with, and those that a line defines.
  function sizesOf(N, H, L) {
    const sizes = { N, D: 64, H, L };
    for (const line of study.data.lines) {
      if (line.kind === "size") sizes[line.name] = study.valueOf(line.tree, { at: {}, sizes, read: () => NaN });
    }
    return sizes;
  }

  function shapeOf(name, sizes) {
    return study.axesOf(name).map((symbol) => sizes[symbol]);
  }

  function emptyArray(name, sizes) {
    return new Float64Array(shapeOf(name, sizes).reduce((a, b) => a * b, 1)).fill(NaN);
  }

  // An array for each line's value, under its name; NaN until the line has run.
  function emptyValues(sizes) {
    const lines = study.data.lines.filter((line) => line.kind !== "size");
    return Object.fromEntries(lines.map(({ name }) => [name, emptyArray(name, sizes)]));
  }

  // Where an entry stands in its flat array; NaN outside.
  function placeOf(at, shape) {
    return shape.reduce((place, size, k) => place * size + study.functions.within(at[k], size), 0);
  }

  Object.assign(study, { linesInForce, program, sizesOf, shapeOf, emptyValues, placeOf });
}
