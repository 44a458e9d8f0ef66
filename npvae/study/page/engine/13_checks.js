// Four checks of a model's lines at its parameters. None of them is enough.
{
  const ROWS = 4;

  // A pass on four digits, the same ones for the same seed.
  function passToCheck(run) {
    const random = study.generator(run.seed, "check");
    const x = new Float64Array(64 * ROWS);
    for (let n = 0; n < ROWS; n++) x.set(study.digitPixels(Math.floor(random() * study.digitCount)), 64 * n);
    const eps = study.fillWithNormals(new Float64Array(ROWS * run.L), random);
    return study.createPass(run, { x, eps }).run();
  }

  // All four at once.
  function checks(run) {
    const pass = passToCheck(run);
    return { differences: differences(run, pass), twice: twice(pass), kl: throughTheSampler(pass), sums: sums(pass) };
  }

  // Is each gradient the slope of the loss? All its entries at once, along a direction of random signs.
  function differences(run, pass) {
    const random = study.generator(run.seed, "direction");
    const lines = {};
    for (const { id } of study.backwardLines) {
      const direction = new Float64Array(pass.values[id].length);
      const length = 1 / Math.sqrt(direction.length);
      for (let i = 0; i < direction.length; i++) direction[i] = random() < 0.5 ? length : -length;
      lines[id] = study.slopeAlong(pass, id, direction);
    }
    return { verdict: worst(Object.values(lines).map((line) => line.verdict)), lines, first: firstOf(pass, lines) };
  }

  // The gradients that are wrong though every gradient that they are made of is right: where the mistake is.
  function firstOf(pass, lines) {
    const wrong = Object.keys(lines).filter((id) => lines[id].verdict === "differs");
    return wrong.filter((id) => !wrong.some((other) => other !== id && study.namesIn(pass.lines[id].tree).has(other)));
  }

  function worst(verdicts) {
    return ["differs", "cannot_tell"].find((verdict) => verdicts.includes(verdict)) ?? "agrees";
  }

  // Does the same backward, run twice, give the same bits?
  function twice(pass) {
    const before = pass.values;
    pass.clear();
    pass.run();
    const differ = study.data.lines
      .filter((line) => line.kind !== "size")
      .filter(({ id }) => pass.values[id].some((value, i) => !Object.is(value, before[id][i])))
      .map((line) => line.id);
    return { verdict: differ.length ? "differs" : "agrees", lines: differ };
  }

  // Is kl the mean of log q(z) - log p(z) over the z that the model's own lines draw? Three nodes of Gauss and Hermite
  // take the place of the noise. They give the exact mean, because the logs are quadratic in the noise.
  function throughTheSampler(pass) {
    const nodes = [
      { eps: -Math.sqrt(3), weight: 1 / 6 },
      { eps: 0, weight: 2 / 3 },
      { eps: Math.sqrt(3), weight: 1 / 6 },
    ];
    const { mu, logvar, kl } = pass.values;
    const L = pass.sizes.L;
    const truth = new Float64Array(pass.N);
    let magnitude = 1;
    for (const { eps, weight } of nodes) {
      const values = { ...pass.values, z: new Float64Array(mu.length), eps: new Float64Array(mu.length).fill(eps) };
      pass.program.find((line) => line.id === "z").run(values, pass.sizes);
      values.z.forEach((z, i) => {
        const logq = -(Math.log(2 * Math.PI) + logvar[i] + (z - mu[i]) ** 2 / Math.exp(logvar[i])) / 2;
        const logp = -(Math.log(2 * Math.PI) + z ** 2) / 2;
        truth[Math.floor(i / L)] += weight * (logq - logp);
        magnitude = Math.max(magnitude, Math.abs(logq), Math.abs(logp));
      });
    }
    return within(Math.max(...truth.map((value, n) => Math.abs(value - kl[n]))), magnitude);
  }

  // Do the probabilities exp(-nll) of all images of two pixels add up to 1?
  function sums(pass) {
    const logits = pass.values.logits.slice(0, 64);
    const [a, b] = [...logits].sort((p, q) => Math.abs(p) - Math.abs(q));
    const values = { x: new Float64Array([0, 0, 0, 1, 1, 0, 1, 1]), logits: new Float64Array([a, b, a, b, a, b, a, b]) };
    values.nll = new Float64Array(4);
    pass.program.find((line) => line.id === "nll").run({ ...pass.values, ...values }, { ...pass.sizes, N: 4, D: 2 });
    return within(Math.abs(values.nll.reduce((sum, nll) => sum + Math.exp(-nll), 0) - 1), 1);
  }

  // A number that should be zero, but for rounding of numbers of this magnitude.
  function within(off, magnitude) {
    if (!Number.isFinite(off) || magnitude > 1e12) return { verdict: "cannot_tell", off };
    return { verdict: off <= 1e-12 * magnitude ? "agrees" : "differs", off };
  }

  Object.assign(study, { checks });
}
