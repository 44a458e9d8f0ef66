// What is shown is a function of a small state, which is also the address: digit, noise, settings, break, step.
// ui.change({...}) is the only way to change it: it makes what has to be new, and everything is drawn again.
{
  const ui = study.ui;
  const NEW_RUN = ["break", "typed", "seed", "L", "H", "trained"]; // what another run has to be made for

  ui.state = null;
  ui.run = null; // the model being trained
  ui.twin = null; // the same without the break, or null
  ui.pass = null; // the forward and backward in the ledger
  ui.panels = []; // functions that draw, in the order in which the files stand
  ui.truth = []; // [{step, loss, nll, kl}] of the right forward with the parameters found
  ui.layout = 0; // counts the changes of the window's size: what depends on widths is measured again
  ui.goal = 0; // the step to catch up with: a run is replayed from its start when its settings change

  ui.start = (state) => {
    ui.state = { ...state, own: null, typed: {}, hidden: "", trained: Boolean(state.trained) };
    ui.lensIsOpen = Boolean(study.readEntry(state.lens));
    ui.state.lens = study.readEntry(state.lens) ?? { name: "dlogvar", at: [0, 1] };
    const { L, H } = study.data.trained;
    if (state.L !== L || state.H !== H) ui.state.trained = false; // the trained weights are of one size
    ui.lang = ui.firstLanguage(state.lang);
    newRun(state.step);
  };

  ui.change = (news) => {
    const state = Object.assign(ui.state, news);
    if ("lang" in news) ui.lang = news.lang;
    if ("beta" in news || "lr" in news)
      for (const run of [ui.run, ui.twin]) if (run) Object.assign(run, { beta: state.beta, lr: state.lr });
    if (NEW_RUN.some((key) => key in news)) newRun("step" in news ? news.step : ui.run.step);
    ui.stale = true;
    ui.later();
  };

  function newRun(step) {
    const { L, H, seed, beta, lr, typed, trained } = ui.state;
    ui.run = study.createRun({ L, H, seed, beta, lr, breakId: ui.state.break, typed });
    const changed = ui.state.break || Object.keys(typed).length > 0;
    ui.twin = changed ? ui.run.twin() : null;
    if (trained) for (const run of [ui.run, ui.twin]) run?.useTrained();
    ui.truth = [];
    ui.goal = step;
    ui.stale = true;
    ui.checksAreOld();
    ui.wake();
  }

  // The digits in the pass: the chosen one, or the one drawn by hand, and for N = 4 the next three.
  ui.samples = () => {
    const { digit, own, n } = ui.state;
    const x = new Float64Array(n * 64);
    for (let row = 0; row < n; row++) x.set(study.digitPixels((digit + row) % study.digitCount), row * 64);
    if (own) x.set(own, 0);
    return x;
  };

  // The noise with which the page opens, in two decimals.
  ui.seedNoise = ({ seed, L } = ui.state) => Array.from(study.noise(seed, L), (value) => Math.round(value * 100) / 100);

  // The noise: the sliders' for the first digit, drawn from the seed for the others.
  ui.noise = () => {
    const { n, L, seed, eps } = ui.state;
    const noise = study.noise(seed, n * L);
    for (let l = 0; l < L; l++) noise[l] = eps[l] ?? 0;
    return noise;
  };

  // Compute the pass again: all of it, or as many lines as "one line" has come to.
  function compute() {
    const done = ui.playing ? ui.pass.done : Infinity;
    ui.pass = study.createPass(ui.run, { x: ui.samples(), eps: ui.noise() });
    if (done === Infinity) ui.pass.run();
    else while (ui.pass.done < done && ui.pass.step() !== null);
    ui.stale = false;
    const { lens } = ui.state; // the number looked at, or the nearest that there is with these sizes
    const shape = ui.pass.shape(lens.name);
    if (lens.at.some((index, axis) => index >= shape[axis])) ui.state.lens = { name: lens.name, at: lens.at.map((index, axis) => Math.min(index, shape[axis] - 1)) };
  }

  ui.refresh = () => {
    if (ui.stale || !ui.pass) compute();
    for (const draw of ui.panels) draw();
    ui.writeLink();
  };

  // Draw once in the next frame, however often it is asked for.
  let asked = false;
  ui.later = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      ui.refresh();
    });
  };

  ui.link = () => {
    const { eps, lens, trained, L } = ui.state;
    const step = Math.max(ui.run.step, ui.goal);
    const noise = eps.slice(0, L).join(",");
    const news = { step, lang: ui.lang, eps: noise === ui.seedNoise().join(",") ? "" : noise, lens: ui.lensIsOpen ? study.entryText(lens) : "", trained: Number(trained) };
    return study.writeAddress({ ...ui.state, ...news });
  };

  // The address follows, at most once a second: browsers refuse to have it written more often.
  let written = 0;
  let waiting = false;
  ui.writeLink = () => {
    if (waiting) return;
    const wait = Math.max(0, written + 1000 - Date.now());
    waiting = true;
    setTimeout(() => {
      waiting = false;
      written = Date.now();
      const link = ui.link();
      if (link !== location.hash) history.replaceState(null, "", link || location.pathname);
    }, wait);
  };
}
