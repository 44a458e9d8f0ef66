// Training in slices of 10 ms per frame, so that the page stays alive; the same numbers at any speed.
{
  const ui = study.ui;
  const SLICE = 10; // ms of a frame that steps may take
  const TRUTH_EVERY = 25; // steps between two points of the true loss
  let frames = 0; // whether a frame is on its way

  ui.training = false;
  ui.speed = { steps: 0, since: 0, frames: 0 }; // for the benchmark

  ui.oneStep = () => {
    if (ui.run.diverged) return;
    ui.run.trainStep();
    ui.twin?.trainStep();
    ui.speed.steps++;
    if (ui.run.step % TRUTH_EVERY === 0) ui.truth.push({ step: ui.run.step, ...ui.run.trueLoss() });
    ui.stale = true;
  };

  // Whether there are steps to do.
  const busy = (ui.busy = () => !ui.run.diverged && (ui.training || ui.run.step < ui.goal));

  function frame() {
    frames = 0;
    const until = performance.now() + SLICE;
    while (busy() && performance.now() < until) ui.oneStep();
    ui.speed.frames++;
    ui.checksAreOld();
    if (ui.run.diverged) ui.setTraining(false);
    ui.refresh();
    if (busy()) ui.wake();
  }

  // Ask for a frame if there are steps to do.
  ui.wake = () => {
    if (!frames && busy()) frames = requestAnimationFrame(frame);
  };

  ui.setTraining = (on) => {
    ui.training = on;
    ui.playing = false;
    if (on) Object.assign(ui.speed, { steps: 0, frames: 0, since: performance.now() });
    else ui.goal = Math.min(ui.goal, ui.run.step);
    drawButtons();
    ui.wake();
    ui.later();
  };

  ui.rewind = () => {
    ui.setTraining(false);
    for (const run of [ui.run, ui.twin]) run?.rewind();
    ui.goal = 0;
    ui.truth = [];
    ui.checksAreOld();
    ui.change({});
  };

  function drawButtons() {
    const button = ui.byId("train");
    button.setAttribute("aria-pressed", String(ui.training));
    button.textContent = ui.t(ui.training ? "run.pause" : "run.train");
  }

  // step 400   loss 25.53 = nll 23.41 + 1 × kl 2.12: of the last batch, as the run's own lines compute it
  function drawReadout() {
    const last = ui.run.history.at(-1);
    const { step, beta, diverged } = ui.run;
    const place = ui.run.step < ui.goal ? ui.t("run.catching", { step, goal: ui.goal }) : ui.t(ui.run.trained ? "run.trained_at" : "run.at", { step });
    let text = place;
    if (last) {
      const [loss, nll, kl] = [last.loss, last.nll, last.kl].map((value) => ui.number(value));
      text += `   loss ${loss} = nll ${nll} + ${ui.number(beta, 2)} × kl ${kl}`;
    }
    ui.byId("readout").textContent = diverged ? `${text}. ${ui.t("run.diverged")}` : text;
    ui.byId("readout").classList.toggle("alarm", diverged);
  }

  // The spoken status: at most every five seconds while training, at once when something ends.
  let spokenAt = 0;
  function speak() {
    if (!ui.run.history.length) return;
    const now = Date.now();
    if (busy() && now - spokenAt < 5000) return;
    spokenAt = now;
    const { step, loss } = ui.run.history.at(-1);
    const text = ui.run.diverged ? ui.t("run.diverged") : ui.t("run.spoken", { step, loss: ui.number(loss) });
    if (ui.byId("spoken").textContent !== text) ui.byId("spoken").textContent = text;
  }

  ui.panels.push(drawButtons, drawReadout, speak);

  ui.byId("train").addEventListener("click", () => ui.setTraining(!ui.training));
  ui.byId("rewind").addEventListener("click", ui.rewind);
  ui.byId("one-step").addEventListener("click", () => {
    ui.setTraining(false);
    ui.oneStep();
    ui.checksAreOld();
    ui.later();
  });
}
