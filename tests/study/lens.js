// What the tests of the lens share: a pass on digits 0, 7, 14 ..., and all entries of its lines.
function passOf({ N, L = 2, H = 8, breakId = "" }) {
  const run = study.createRun({ L, H, breakId });
  for (let step = 0; step < 5; step++) run.trainStep();
  const x = new Float64Array(64 * N);
  for (let n = 0; n < N; n++) x.set(study.digitPixels(7 * n), 64 * n);
  return study.createPass(run, { x, eps: study.noise(1, N * L) });
}

function positions(shape) {
  const along = (n) => Array.from({ length: n }, (_, i) => i);
  return shape.reduce((all, n) => all.flatMap((at) => along(n).map((i) => [...at, i])), [[]]);
}

function entriesOf(pass) {
  const lines = study.data.lines.filter((line) => line.kind !== "size");
  return lines.flatMap(({ name }) => positions(pass.shape(name)).map((at) => ({ name, at })));
}

// The operands of every entry, by text: {"dz[0, 1]": Set("da2[0, 0]", ...)}
function operandsOfAll(pass) {
  const text = study.entryText;
  const operands = (entry) => study.explain(pass, entry).operands.map((each) => text(each.entry));
  return new Map(entriesOf(pass).map((entry) => [text(entry), new Set(operands(entry))]));
}
