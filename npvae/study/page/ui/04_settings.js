// Sliders and choices: beta and lr change the run as it goes, the others make a new one that catches up.
{
  const ui = study.ui;
  const { L, H } = study.data.choices;
  const SHOWN = 200; // digits over which the mean std of the posterior is taken

  function choose(id, choices, key) {
    const box = ui.byId(id);
    for (const choice of choices) box.append(ui.make("option", { value: choice }, String(choice)));
    box.addEventListener("change", () => {
      ui.change({ [key]: Number(box.value), trained: false });
    });
  }
  choose("latents", L, "L");
  choose("hidden", H, "H");

  ui.byId("beta").addEventListener("input", (event) => ui.change({ beta: Number(event.target.value) }));
  ui.byId("lr").addEventListener("input", (event) => ui.change({ lr: Number((10 ** event.target.value).toPrecision(2)) }));
  ui.byId("seed").addEventListener("change", (event) => {
    const seed = Math.min(9999, Math.max(1, Math.round(Number(event.target.value)) || 1));
    ui.change({ seed, trained: false });
  });
  ui.byId("trained").addEventListener("click", () => {
    const { L, H, beta } = study.data.trained;
    ui.setTraining(false);
    ui.change({ L, H, beta, trained: true, step: 0 });
  });

  // The mean std over digits and latents: what beta moves.
  ui.meanStd = () => {
    const { std } = study.encode(ui.run, ui.shownDigits(SHOWN));
    return std.reduce((sum, value) => sum + value, 0) / std.length;
  };

  // Whether a break is in force, or a typed line that some check does not agree with.
  const isBroken = () =>
    Boolean(ui.state.break) || (ui.twin && Object.values(ui.found ?? {}).some(({ verdict }) => verdict !== "agrees"));

  function draw() {
    const { beta, lr, L, H, seed } = ui.state;
    const set = (id, value) => {
      if (document.activeElement !== ui.byId(id) || ui.byId(id).type === "range") ui.byId(id).value = value;
    };
    set("beta", beta);
    set("lr", Math.log10(lr));
    set("latents", L);
    set("hidden", H);
    set("seed", seed);
    ui.byId("beta-now").textContent = ui.number(beta, 2);
    ui.byId("lr-now").textContent = String(lr);
    ui.byId("lr").setAttribute("aria-valuetext", String(lr));
    const { run } = study.data.trained;
    ui.byId("trained").textContent = run ? ui.t("settings.run", { run }) : ui.t("settings.trained");
    const kind = isBroken() ? "broken" : beta === 0 ? "zero" : beta < 1 ? "low" : beta === 1 ? "one" : "high";
    ui.byId("beta-says").textContent = ui.t(`beta.${kind}`, { std: ui.number(ui.meanStd(), 3), beta: ui.number(beta, 2) });
  }
  ui.panels.push(draw);
}
