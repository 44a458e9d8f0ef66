// The latent plane: the posteriors of 300 digits as ellipses of one standard deviation, the prior's circles, and z in hand.
{
  const ui = study.ui;
  const { make } = ui;
  const SIZE = 238;
  const SHOWN = 300;
  const NEAR = 12; // pixels within which a click takes what is there
  const FARTHEST = 1000; // standard deviations that z can be moved from mu
  const COLOURS = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"];
  let canvas = null;
  let handle = null;
  let codes = null; // of the digits shown
  let reach = 3.2; // the plane goes from -reach to reach
  let dragging = false;
  let madeFor = "";

  ui.axes = [0, 1]; // the latents shown, where there are more than two

  const unit = () => SIZE / 2 / reach;
  const across = (value) => SIZE / 2 + value * unit();
  const down = (value) => SIZE / 2 - value * unit();

  function build() {
    const { L } = ui.state;
    ui.axes = L > 1 ? ui.axes.map((axis, k) => (axis < L ? axis : k)) : [0, 0];
    canvas = ui.canvas({ "aria-hidden": "true" });
    handle = make("div", { class: "pad", role: "slider", tabindex: 0, id: "plane-pad", "aria-label": ui.t(L > 1 ? "plane.pad" : "plane.line") }, canvas);
    handle.addEventListener("keydown", keys);
    handle.addEventListener("pointerdown", press);
    handle.addEventListener("pointermove", (event) => dragging && drag(event));
    for (const end of ["pointerup", "pointercancel"]) handle.addEventListener(end, () => (dragging = false));
    const axis = (k) => make("select", { "aria-label": ui.t(k ? "plane.down" : "plane.across"), onchange: (event) => ((ui.axes[k] = Number(event.target.value)), ui.later()) },
      Array.from({ length: L }, (_, l) => make("option", { value: l, selected: l === ui.axes[k] }, `z${l}`)));
    ui.fill(ui.byId("plane"), handle, L > 2 ? make("div", { class: "row" }, ui.t("plane.axes"), axis(0), axis(1)) : null,
      make("p", { class: "small quiet", id: "plane-says" }), make("p", { class: "small quiet" }, ui.t(L > 1 ? "plane.how" : "plane.how_line")), means());
  }

  // Ten means in a table, on request: what the picture says, for who cannot see it.
  function means() {
    const body = make("tbody");
    const box = make("details", {}, make("summary", {}, ui.t("plane.means")), make("table", { class: "rows" },
      make("thead", {}, make("tr", {}, ["plane.class", "plane.mean_mu", "plane.mean_std"].map((key) => make("th", { scope: "col" }, ui.t(key))))), body));
    box.addEventListener("toggle", () => box.open && ui.fill(body, meanRows()));
    return box;
  }

  function meanRows() {
    const { L } = ui.state;
    return Array.from({ length: 10 }, (_, label) => {
      const rows = Array.from({ length: SHOWN }, (_, k) => k).filter((k) => study.digitLabel(ui.shownDigit(k)) === label);
      const mean = (values) => ui.axes.slice(0, Math.min(2, L)).map((l) => ui.number(rows.reduce((sum, k) => sum + values[k * L + l], 0) / rows.length, 3)).join(", ");
      return make("tr", {}, make("th", { scope: "row" }, String(label)), make("td", { class: "mono" }, mean(codes.mu)), make("td", { class: "mono" }, mean(codes.std)));
    });
  }

  // With one latent the digits are spread by class from top to bottom.
  const place = (k, L, mu) => L > 1 ? [across(mu[k * L + ui.axes[0]]), down(mu[k * L + ui.axes[1]])] : [across(mu[k]), ((study.digitLabel(ui.shownDigit(k)) + 0.6) / 10.4) * SIZE];

  ui.watch(ui.byId("plane"));
  function draw() {
    if (ui.rests(ui.byId("plane"))) return;
    const { L } = ui.state;
    const key = `${ui.lang} ${L}`;
    if (key !== madeFor) {
      madeFor = key;
      build();
    }
    codes = study.encode(ui.run, ui.shownDigits(SHOWN));
    const sizes = [...codes.mu].filter(Number.isFinite).map(Math.abs).sort((a, b) => a - b);
    reach = Math.max(3.2, 1.1 * (sizes[Math.floor(sizes.length * 0.99)] ?? 0));
    const brush = canvas.size(SIZE, SIZE);
    brush.font = "9px system-ui, sans-serif";
    brush.textAlign = "center";
    brush.textBaseline = "middle";
    prior(brush, L);
    posteriors(brush, L);
    inHand(brush, L);
    say(L);
  }

  function prior(brush, L) {
    brush.strokeStyle = ui.colour("rule");
    brush.lineWidth = 1;
    brush.beginPath();
    brush.moveTo(0, SIZE / 2);
    brush.lineTo(SIZE, SIZE / 2);
    if (L > 1) brush.moveTo(SIZE / 2, 0), brush.lineTo(SIZE / 2, SIZE);
    brush.stroke();
    brush.strokeStyle = ui.colour("edge");
    brush.fillStyle = ui.colour("quiet");
    for (const radius of [1, 2]) {
      brush.beginPath();
      if (L > 1) brush.arc(SIZE / 2, SIZE / 2, radius * unit(), 0, 2 * Math.PI);
      else for (const side of [-radius, radius]) brush.moveTo(across(side), 0), brush.lineTo(across(side), SIZE);
      brush.setLineDash([3, 3]);
      brush.stroke();
      brush.setLineDash([]);
      brush.fillText(String(radius), across(radius) + 6, SIZE / 2 + 8);
    }
    brush.fillText(`z${ui.axes[0]} →`, SIZE - 12, SIZE / 2 - 7);
    if (L > 1) brush.fillText(`z${ui.axes[1]} ↑`, SIZE / 2 + 14, 8);
  }

  // All ellipses of a class in one stroke, then the figures.
  function posteriors(brush, L) {
    const places = Array.from({ length: SHOWN }, (_, k) => place(k, L, codes.mu));
    const inside = ([left, top]) => left > -50 && left < SIZE + 50 && top > -50 && top < SIZE + 50;
    brush.globalAlpha = 0.45;
    brush.lineWidth = 1;
    COLOURS.forEach((colour, label) => {
      brush.strokeStyle = colour;
      brush.beginPath();
      places.forEach(([left, top], k) => {
        if (study.digitLabel(ui.shownDigit(k)) !== label || !inside([left, top])) return;
        const wide = Math.min(SIZE, codes.std[k * L + ui.axes[0]] * unit());
        const high = L > 1 ? Math.min(SIZE, codes.std[k * L + ui.axes[1]] * unit()) : 3;
        brush.moveTo(left + wide, top);
        brush.ellipse(left, top, wide, high, 0, 0, 2 * Math.PI);
      });
      brush.stroke();
    });
    brush.globalAlpha = 0.9;
    brush.fillStyle = ui.colour("ink");
    places.forEach((at, k) => inside(at) && brush.fillText(String(study.digitLabel(ui.shownDigit(k))), ...at));
    brush.globalAlpha = 1;
  }

  // The digit in hand: its posterior thick, its z a cross with a ring.
  function inHand(brush, L) {
    const { mu, std } = study.encode(ui.run, ui.samples().slice(0, 64));
    const at = (values) => [across(values[ui.axes[0]]), L > 1 ? down(values[ui.axes[1]]) : SIZE / 2];
    brush.strokeStyle = ui.colour("ink");
    brush.lineWidth = 2.5;
    brush.beginPath();
    brush.ellipse(...at(mu), Math.min(SIZE, std[ui.axes[0]] * unit()), L > 1 ? Math.min(SIZE, std[ui.axes[1]] * unit()) : 5, 0, 0, 2 * Math.PI);
    brush.stroke();
    const z = ui.pass.array("z");
    if (!z) return;
    const [left, top] = at(z);
    brush.strokeStyle = ui.colour("accent");
    brush.beginPath();
    brush.arc(left, top, 6, 0, 2 * Math.PI);
    for (const [x, y] of [[1, 0], [0, 1]]) brush.moveTo(left - 10 * x, top - 10 * y), brush.lineTo(left + 10 * x, top + 10 * y);
    brush.stroke();
  }

  function say(L) {
    const z = ui.pass.array("z");
    const text = z ? ui.axes.slice(0, Math.min(2, L)).map((l) => `z${l} = ${ui.number(z[l], 3)}`).join(", ") : ui.t("value.none");
    handle.setAttribute("aria-valuetext", text);
    handle.setAttribute("aria-valuenow", z && Number.isFinite(z[ui.axes[0]]) ? z[ui.axes[0]].toFixed(2) : 0);
    ui.byId("plane-says").textContent = text;
  }

  // Put the first digit's z here, by the noise that leads there: eps = (z - mu) / std.
  ui.moveZ = (news) => {
    const { L } = ui.state;
    const { mu, std } = study.encode(ui.run, ui.samples().slice(0, 64));
    const eps = Array.from({ length: L }, (_, l) => ui.state.eps[l] ?? 0);
    for (const [l, value] of Object.entries(news)) eps[l] = Math.max(-FARTHEST, Math.min(FARTHEST, Math.round(((value - mu[l]) / std[l]) * 1e4) / 1e4));
    if (eps.every(Number.isFinite)) ui.change({ eps });
  };

  function keys(event) {
    const by = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    const z = ui.pass.array("z");
    if (!by || !z) return;
    event.preventDefault();
    move(z[ui.axes[0]] + by[0], z[ui.axes[1]] + by[1]);
  }

  const move = (one, two) => ui.moveZ(ui.state.L > 1 ? { [ui.axes[0]]: one, [ui.axes[1]]: two } : { 0: one });

  const drag = (event) => {
    const [left, top] = canvas.place(event);
    move((left - SIZE / 2) / unit(), (SIZE / 2 - top) / unit());
  };

  // A press on a posterior's centre takes its digit; anywhere else, and on z itself, it moves z.
  function press(event) {
    const { L } = ui.state;
    const point = canvas.place(event);
    const far = ([left, top]) => Math.hypot(left - point[0], top - point[1]);
    const z = ui.pass.array("z");
    const onZ = z && far([across(z[ui.axes[0]]), L > 1 ? down(z[ui.axes[1]]) : SIZE / 2]) < NEAR;
    let nearest = -1;
    let least = NEAR / 2;
    for (let k = 0; k < SHOWN && !onZ; k++) {
      const distance = far(place(k, L, codes.mu));
      if (distance < least) [nearest, least] = [k, distance];
    }
    if (nearest >= 0) return ui.change({ digit: ui.shownDigit(nearest), own: null });
    dragging = true;
    handle.setPointerCapture(event.pointerId);
    drag(event);
  }

  ui.panels.push(draw);
}
