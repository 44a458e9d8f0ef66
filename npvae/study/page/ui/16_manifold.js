// The manifold: the decoder's picture at 12 by 12 places of the plane. A press puts the place's z into the ledger.
{
  const ui = study.ui;
  const { make } = ui;
  const SIDE = 12;
  const REACH = 2.5; // from -2.5 to 2.5: almost all of the prior
  const CELL = 2.5;
  const PITCH = 8 * CELL;
  let canvas = null;
  let pad = null;
  let cursor = 66;
  let madeFor = "";

  function build() {
    canvas = ui.canvas({ "aria-hidden": "true" });
    pad = make("div", { class: "pad", role: "slider", tabindex: 0, id: "manifold-pad", "aria-label": ui.t("manifold.pad"), "aria-valuemin": 0, "aria-valuemax": SIDE * SIDE - 1 }, canvas);
    pad.addEventListener("click", (event) => {
      const [left, top] = canvas.place(event);
      cursor = Math.min(SIDE - 1, Math.floor(top / PITCH)) * SIDE + Math.min(SIDE - 1, Math.floor(left / PITCH));
      take();
    });
    pad.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -SIDE, ArrowDown: SIDE }[event.key];
      if (by && cursor + by >= 0 && cursor + by < SIDE * SIDE) cursor += by;
      else if (event.key === "Enter") take();
      else return;
      event.preventDefault();
      draw();
    });
    for (const when of ["focus", "blur"]) pad.addEventListener(when, () => draw());
    const { L } = ui.state;
    ui.fill(ui.byId("manifold"), pad, make("p", { class: "small quiet", id: "manifold-says" }),
      make("p", { class: "small quiet" }, ui.t(L === 1 ? "manifold.how_line" : L === 2 ? "manifold.how" : "manifold.how_more")));
  }

  // Where a cell stands: of one latent, 144 steps read like a text; of more, the two axes of the plane.
  function placeOf(cell) {
    const step = (k, count) => -REACH + (2 * REACH * k) / (count - 1);
    if (ui.state.L === 1) return { 0: step(cell, SIDE * SIDE) };
    return { [ui.axes[0]]: step(cell % SIDE, SIDE), [ui.axes[1]]: -step(Math.floor(cell / SIDE), SIDE) };
  }

  const take = () => ui.moveZ(placeOf(cursor));

  ui.watch(ui.byId("manifold"));
  function draw() {
    if (ui.rests(ui.byId("manifold"))) return;
    const { L } = ui.state;
    const key = `${ui.lang} ${L}`;
    if (key !== madeFor) {
      madeFor = key;
      build();
    }
    const z = new Float64Array(SIDE * SIDE * L);
    for (let cell = 0; cell < SIDE * SIDE; cell++)
      for (const [l, value] of Object.entries(placeOf(cell))) z[cell * L + Number(l)] = value;
    const means = study.decode(ui.run, z);
    const brush = canvas.size(SIDE * PITCH, SIDE * PITCH);
    ui.greys(brush, means, SIDE, CELL);
    if (document.activeElement === pad) {
      brush.strokeStyle = ui.colour("accent");
      brush.lineWidth = 3;
      brush.strokeRect((cursor % SIDE) * PITCH, Math.floor(cursor / SIDE) * PITCH, PITCH, PITCH);
    }
    const text = Object.entries(placeOf(cursor)).map(([l, value]) => `z${l} = ${ui.number(value, 3)}`).join(", ");
    pad.setAttribute("aria-valuenow", cursor);
    pad.setAttribute("aria-valuetext", text);
    ui.byId("manifold-says").textContent = document.activeElement === pad ? text : ui.t("manifold.axes", { across: `z${ui.axes[0]}`, down: L === 1 ? "–" : `z${ui.axes[1]}` });
  }

  ui.panels.push(draw);
}
