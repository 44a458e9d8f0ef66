// A model that is trained: parameters, Adam, batches, and the same numbers again from the same seed.
{
  const BATCH = 100;
  const MOST = 1e6; // nats: a loss beyond is one that diverged
  const ADAM = { beta1: 0.9, beta2: 0.999, eps: 1e-8 };

  class Run {
    constructor({ L = 2, H = 16, seed = study.data.seed, beta = 1, lr = 0.01, breakId = "", typed = {} } = {}) {
      Object.assign(this, { L, H, seed, beta, lr, breakId, typed });
      this.lines = study.linesInForce(breakId, typed);
      this.program = study.program(this.lines);
      this.sizes = study.sizesOf(BATCH, H, L);
      this.layOut();
      this.rewind();
    }

    // All parameters lie in one flat array, their gradients in another: names are views into them.
    layOut() {
      const lengths = study.parameterNames.map((name) => study.shapeOf(name, this.sizes).reduce((a, b) => a * b, 1));
      const total = lengths.reduce((a, b) => a + b, 0);
      const [p, g, m, v] = [0, 0, 0, 0].map(() => new Float64Array(total));
      this.flat = { p, g, m, v, m_hat: new Float64Array(total), v_hat: new Float64Array(total) };
      this.params = {};
      this.values = study.emptyValues(this.sizes);
      let start = 0;
      study.parameterNames.forEach((name, k) => {
        this.params[name] = p.subarray(start, start + lengths[k]);
        this.values[`d${name}`] = g.subarray(start, start + lengths[k]);
        start += lengths[k];
      });
      Object.assign(this.values, this.params, {
        x: new Float64Array(BATCH * this.sizes.D),
        eps: new Float64Array(BATCH * this.L),
        eps_again: new Float64Array(BATCH * this.L),
        beta: new Float64Array(1),
      });
    }

    // Back to step 0: the parameters, and the streams of batches and noise, as they were.
    rewind() {
      this.step = 0;
      this.history = [];
      this.trained = false;
      this.flat.m.fill(0);
      this.flat.v.fill(0);
      const random = study.generator(this.seed, "weights");
      for (const name of study.parameterNames) {
        const bound = name.startsWith("W") ? 1 / Math.sqrt(study.shapeOf(name, this.sizes)[0]) : 0;
        for (let i = 0; i < this.params[name].length; i++) {
          this.params[name][i] = bound && (2 * random() - 1) * bound; // as npvae starts: W ~ U(-a, a), b = 0
        }
      }
      this.order = study.generator(this.seed, "order");
      this.noise = study.generator(this.seed, "noise");
      this.again = study.generator(this.seed, "again");
      this.epoch = [];
    }

    // The trained parameters that came with the page. Error if they are of another size.
    useTrained() {
      const { trained } = study.data;
      if (trained.L !== this.L || trained.H !== this.H) {
        throw new Error(`the trained model has L = ${trained.L}, H = ${trained.H}, this one L = ${this.L}, H = ${this.H}`);
      }
      this.rewind();
      this.trained = true;
      for (const name of study.parameterNames) this.params[name].set(trained[name]);
    }

    get diverged() {
      const last = this.history.at(-1);
      return Boolean(last) && !(Math.abs(last.loss) < MOST);
    }

    // The next 100 digits of a random order of all; what does not fill a batch is left out.
    nextBatch() {
      if (this.epoch.length < BATCH) this.epoch = study.shuffled(study.digitCount, this.order);
      return this.epoch.splice(0, BATCH);
    }

    // One step of Adam on the next batch, or on a batch and noise that are handed in.
    trainStep(x, eps) {
      const { values, sizes } = this;
      if (x) {
        values.x.set(x);
        values.eps.set(eps);
      } else {
        this.nextBatch().forEach((k, n) => values.x.set(allPixels().subarray(64 * k, 64 * k + 64), 64 * n));
        study.fillWithNormals(values.eps, this.noise);
      }
      study.fillWithNormals(values.eps_again, this.again);
      values.beta[0] = this.beta;
      for (const line of this.program) line.run(values, sizes);
      this.descend();
      const record = { step: this.step, loss: values.loss[0], nll: mean(values.nll), kl: mean(values.kl) };
      this.history.push(record);
      return record;
    }

    descend() {
      this.step++;
      const scalars = { ...ADAM, lr: this.lr, t: this.step };
      const values = { ...this.flat };
      for (const name of Object.keys(scalars)) values[name] = [scalars[name]];
      for (const run of adamProgram()) run(values, { I: this.flat.p.length });
    }

    // A run of the same settings without the mistake, at the same step only if it is trained as far.
    twin() {
      const { L, H, seed, beta, lr } = this;
      return new Run({ L, H, seed, beta, lr });
    }

    // Mean over all digits of the unbroken forward at these parameters, with one fixed noise.
    trueLoss() {
      const N = study.digitCount;
      const values = forward(this, allPixels(), study.noise(this.seed, N * this.L), study.lineOf);
      return { loss: values.loss[0], nll: mean(values.nll), kl: mean(values.kl) };
    }
  }

  let adam = null;
  function adamProgram() {
    const axes = (name) => (["t", "lr", "beta1", "beta2", "eps"].includes(name) ? [] : ["I"]);
    adam ??= study.data.adam.map((line) => study.compile(line, axes));
    return adam;
  }

  function mean(array) {
    return array.reduce((a, b) => a + b, 0) / array.length;
  }

  let pixels = null;
  function allPixels() {
    pixels ??= Float64Array.from(study.data.digits.pixels, (letter) => (letter.charCodeAt(0) - 97) / 16);
    return pixels;
  }

  // The values of the forward lines for N rows of x; until(id) ends it early.
  function forward(run, x, eps, lines = run.lines, from = "", until = "", given = {}) {
    const sizes = study.sizesOf((x ? x.length / 64 : given.z.length / run.L), run.H, run.L);
    const values = { ...study.emptyValues(sizes), ...run.params, ...given, x, eps, beta: [run.beta] };
    let on = !from;
    for (const line of study.program(lines, "Forward")) {
      on ||= line.id === from;
      if (on) line.run(values, sizes);
      if (line.id === until) break;
    }
    return values;
  }

  // mu, logvar and std of the posteriors of N rows of x, each flat (N, L).
  function encode(run, x) {
    const { mu, logvar, std } = forward(run, x, null, run.lines, "", "std");
    return { mu, logvar, std };
  }

  // The probability of each pixel, flat (N, 64), for N rows of z.
  function decode(run, z) {
    const { logits } = forward(run, null, null, run.lines, "a2", "logits", { z });
    return logits.map((logit) => 1 / (1 + Math.exp(-logit)));
  }

  function createRun(settings) {
    return new Run(settings);
  }

  Object.assign(study, { createRun, encode, decode, forward });
}
