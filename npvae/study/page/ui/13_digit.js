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
    const frame = (key, name) => {
      pictures[key] = ui.canvas({ role: "img", "data-picture": key });
      return make("figure", {}, pictures[key], make("figcaption", { "data-caption": key }, name));
    };
    const number = make("input", { type: "number", id: "digit-number", min: 0, max: study.digitCount - 1, "aria-label": ui.t("digit.number"),
      onchange: (event) => ui.change({ digit: Math.min(study.digitCount - 1, Math.max(0, Math.round(Number(event.target.value)) || 0)), own: null }) });
    const choose = make("div", { class: "row" },
      make("button", { onclick: () => turn(-1), "aria-label": ui.t("digit.before") }, "◀"), number,
      make("button", { onclick: () => turn(1), "aria-label": ui.t("digit.after") }, "▶"),
      make("button", { id: "draw-own", "aria-expanded": "false", onclick: ui.toggleDrawing }, ui.t("digit.draw")));
    const axes = Array.from({ length: ui.state.L }, (_, axis) => slider(axis));
    ui.fill(ui.byId("digit"), choose, make("div", { id: "drawing" }),
      make("div", { class: "pictures" }, frame("x", "x"), frame("z", ui.t("digit.at_z")), frame("mu", ui.t("digit.at_mu"))),
      make("div", { class: "noise" }, axes), make("div", { class: "row" }, make("button", { id: "draw-eps", onclick: ui.drawEps }, ui.t("digit.draw_eps")),
        make("button", { id: "zero-eps", onclick: () => ui.change({ eps: Array(ui.state.L).fill(0) }) }, "eps = 0")),
      make("p", { id: "eps-says", class: "small quiet" }));
  }

  function slider(axis) {
    const input = make("input", { type: "range", min: -3, max: 3, step: 0.05, "data-eps": axis, "aria-label": ui.t("digit.eps", { axis }),
      oninput: (event) => ui.setEps(axis, Number(event.target.value)) });
    return make("label", { class: "field" }, make("span", { class: "mono" }, `eps[${axis}]`), input, make("output", { "data-eps-now": axis }));
  }

  ui.watch(ui.byId("digit"));
  function draw() {
    if (ui.rests(ui.byId("digit"))) return;
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
    if (!own && ui.byId("drawing").childElementCount) ui.toggleDrawing();
    drawPictures(own, digit);
  }

  function drawPictures(own, digit) {
    const x = ui.samples().slice(0, 64);
    const { mu } = study.encode(ui.run, x);
    const z = ui.pass.array("z")?.slice(0, ui.state.L);
    const name = own ? ui.t("digit.own") : String(study.digitLabel(digit));
    picture(pictures.x, x, ui.t("digit.picture", { name }));
    document.querySelector("[data-caption=x]").textContent = own ? ui.t("digit.own_short") : ui.t("digit.x", { name });
    picture(pictures.mu, study.decode(ui.run, mu), ui.t("digit.reconstruction", { at: "mu" }));
    picture(pictures.z, z && study.decode(ui.run, z), ui.t("digit.reconstruction", { at: "z" }));
  }

  const picture = (canvas, values, label) => {
    ui.greys(canvas.size(8 * PIXEL, 8 * PIXEL), values ?? new Float64Array(64), 1, PIXEL);
    canvas.setAttribute("aria-label", label);
  };

  // Images of 64 grey values side by side, `side` of them in a row: ink on paper, in either theme.
  const small = document.createElement("canvas");
  ui.greys = (brush, values, side, cell) => {
    const [width, height] = [8 * side, (8 * values.length) / 64 / side];
    [small.width, small.height] = [width, height];
    const image = new ImageData(width, height);
    for (let k = 0; k < values.length; k++) {
      const [picture, pixel] = [Math.floor(k / 64), k % 64];
      const row = Math.floor(picture / side) * 8 + Math.floor(pixel / 8);
      const place = 4 * (row * width + (picture % side) * 8 + (pixel % 8));
      image.data.fill(255 - 240 * values[k], place, place + 3);
      image.data[place + 3] = 255;
    }
    small.getContext("2d").putImageData(image, 0, 0);
    brush.imageSmoothingEnabled = false;
    brush.drawImage(small, 0, 0, width * cell, height * cell);
  };

  ui.panels.push(draw);
}
