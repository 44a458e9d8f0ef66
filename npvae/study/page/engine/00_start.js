// The engine of the study page: a small VAE that runs on the equations of npvae's pages.
//
// Read the files in the order of their numbers. Everything that one file offers to the others hangs on `study`.
// The equations come from Python as trees (see npvae/pages/trees.py): [kind, value, [parts], [first, end column]].
const study = {};

{
  // Takes what Python put into the page. Everything below reads `study.data`.
  function load(data) {
    study.data = data;
    study.lineOf = Object.fromEntries(data.lines.map((line) => [line.id, line]));
    study.forwardLines = data.lines.filter((line) => line.section === "Forward");
    study.backwardLines = data.lines.filter((line) => line.section === "Backward");
    study.parameterNames = Object.keys(data.given).filter((name) => data.given[name].kind === "parameter");
    study.digitCount = data.digits.labels.length;
  }

  // "line", "size", or what is given: "parameter", "data", "noise", "given". null for a name that there is not.
  function kindOf(name) {
    if (Object.hasOwn(study.data.given, name)) return study.data.given[name].kind;
    if (!Object.hasOwn(study.lineOf, name)) return null;
    return study.lineOf[name].kind === "size" ? "size" : "line";
  }

  // The sizes along the axes of a value, by symbol: ["N", "L"].
  function axesOf(name) {
    return Object.hasOwn(study.data.given, name) ? study.data.given[name].shape : study.lineOf[name].shape;
  }

  // "dz[n, l]": the left side of a line.
  function leftOf(line) {
    return line.indices.length ? `${line.name}[${line.indices.join(", ")}]` : line.name;
  }

  // "dz[0, 1]" from {name: "dz", at: [0, 1]}, and back; null for text that is no entry of a known value.
  function entryText({ name, at }) {
    return at.length ? `${name}[${at.join(", ")}]` : name;
  }

  function readEntry(text) {
    const found = /^([A-Za-z][A-Za-z0-9_]{0,19})(?:\[(\d{1,4}(?:, ?\d{1,4}){0,2})\])?$/.exec(text);
    if (!found || kindOf(found[1]) === null) return null;
    const at = found[2] ? found[2].split(",").map(Number) : [];
    return at.length === axesOf(found[1]).length ? { name: found[1], at } : null;
  }

  // The 64 pixels of digit k, each from 0 to 1: a letter from a to q is a grey level from 0 to 16.
  function digitPixels(k) {
    return Float64Array.from({ length: 64 }, (_, d) => (study.data.digits.pixels.charCodeAt(64 * k + d) - 97) / 16);
  }

  function digitLabel(k) {
    return Number(study.data.digits.labels[k]);
  }

  Object.assign(study, { load, kindOf, axesOf, leftOf, entryText, readEntry, digitPixels, digitLabel });
}
