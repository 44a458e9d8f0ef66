// The digit in hand: which one, its reconstruction at z and at mu, and the noise that stays until it is drawn anew.
{
  const ui = study.ui;
  const { make } = ui;
  const PIXEL = 9;
  const FAR = 3; // beyond this many standard deviations eps is far out
  const pictures = {};
  let madeFor = "";

  // The first digits that are shown in the plane and over which means are taken.
  const kept = new Map();
  ui.shownDigits = (count) => {
    if (!kept.has(count)) {
      const x = new Float64Array(count * 64);
      for (let k = 0; k < count; k++) x.set(study.digitPixels(ui.shownDigit(k)), k * 64);
      kept.set(count, x);
    }
    return kept.get(count);
  };
  ui.shownDigit = (k) => study.digitCount - 1 - k; // from the end: the ledger's first digits are others

  const turn = (by) => ui.change({ digit: (ui.state.digit + by + study.digitCount) % study.digitCount, own: null });

  ui.setEps = (axis, value) => {
    const eps = [...ui.state.eps];
    while (eps.length < ui.state.L) eps.push(0);
    eps[axis] = Math.round(value * 100) / 100;
    ui.change({ eps });
  };

  ui.drawEps = () => ui.change({ eps: Array.from({ length: ui.state.L }, () => Math.round(normal() * 100) / 100) });
  const normal = () => Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());

  function build() {
    const picture = (key, name) => {
      pictures[key] = ui.canvas({ role: "img", "data-picture": key });
      return make("figure", {}, pictures[key], make("figcaption", {}, name));
    };
    const number = make("input", { type: "number", id: "digit-number", min: 0, max: study.digitCount - 1, "aria-label": ui.t("digit.number"),
      onchange: (event) => ui.change({ digit: Math.min(study.digitCount - 1, Math.max(0, Math.round(Number(event.target.value)) || 0)), own: null }) });
    const choose = make("div", { class: "row" },
      make("button", { onclick: () => turn(-1), "aria-label": ui.t("digit.before") }, "◀"), number,
      make("button", { onclick: () => turn(1), "aria-label": ui.t("digit.after") }, "▶"),
      make("button", { id: "draw-own", "aria-expanded": "false", onclick: ui.toggleDrawing }, ui.t("digit.draw")));
    const axes = Array.from({ length: ui.state.L }, (_, axis) => slider(axis));
    ui.fill(ui.byId("digit"), choose, make("div", { id: "drawing" }),
      make("div", { class: "pictures" }, picture("x", "x"), picture("z", ui.t("digit.at_z")), picture("mu", ui.t("digit.at_mu"))),
      make("div", { class: "noise" }, axes), make("div", { class: "row" }, make("button", { id: "draw-eps", onclick: ui.drawEps }, ui.t("digit.draw_eps")),
        make("button", { id: "zero-eps", onclick: () => ui.change({ eps: Array(ui.state.L).fill(0) }) }, "eps = 0")),
      make("p", { id: "eps-says", class: "small quiet" }));
  }

  function slider(axis) {
    const input = make("input", { type: "range", min: -3, max: 3, step: 0.05, "data-eps": axis, "aria-label": ui.t("digit.eps", { axis }),
      oninput: (event) => ui.setEps(axis, Number(event.target.value)) });
    return make("label", { class: "field" }, make("span", { class: "mono" }, `eps[${axis}]`), input, make("output", { "data-eps-now": axis }));
  }

  function draw() {
    const { L, digit, own, eps } = ui.state;
    const key = `${ui.lang} ${L}`;
    if (key !== madeFor) {
      madeFor = key;
      build();
    }
    const field = ui.byId("digit-number");
    if (document.activeElement !== field) field.value = digit;
    for (const input of document.querySelectorAll("[data-eps]")) {
      const value = eps[input.dataset.eps] ?? 0;
      input.value = value;
      document.querySelector(`[data-eps-now="${input.dataset.eps}"]`).textContent = ui.number(value, 3);
    }
    ui.byId("eps-says").textContent = ui.t(eps.slice(0, L).some((value) => Math.abs(value) > FAR) ? "digit.far" : "digit.frozen");
    drawPictures(own, digit);
  }

  function drawPictures(own, digit) {
    const x = ui.samples().slice(0, 64);
    const { mu } = study.encode(ui.run, x);
    const z = ui.pass.array("z")?.slice(0, ui.state.L);
    const name = own ? ui.t("digit.own") : String(study.digitLabel(digit));
    ui.picture(pictures.x, x, PIXEL, ui.t("digit.picture", { name }));
    ui.picture(pictures.mu, study.decode(ui.run, mu), PIXEL, ui.t("digit.reconstruction", { at: "mu" }));
    ui.picture(pictures.z, z && study.decode(ui.run, z), PIXEL, ui.t("digit.reconstruction", { at: "z" }));
  }

  // 64 grey values as an image: paper and ink, in either theme.
  ui.picture = (canvas, values, cell, label) => {
    const brush = canvas.size(8 * cell, 8 * cell);
    ui.greys(brush, values, 0, 0, cell);
    if (label) canvas.setAttribute("aria-label", label);
  };
  ui.greys = (brush, values, left, top, cell, from = 0) => {
    brush.fillStyle = "#ffffff";
    brush.fillRect(left, top, 8 * cell, 8 * cell);
    brush.fillStyle = "#10141a";
    for (let pixel = 0; values && pixel < 64; pixel++) {
      const value = values[from + pixel];
      if (!(value > 0.01)) continue;
      brush.globalAlpha = Math.min(1, value);
      brush.fillRect(left + (pixel % 8) * cell, top + Math.floor(pixel / 8) * cell, cell, cell);
    }
    brush.globalAlpha = 1;
  };

  ui.panels.push(draw);
}
