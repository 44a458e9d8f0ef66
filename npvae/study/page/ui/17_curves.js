// The curves: the loss as the run's own lines show it, the true one, nll and kl; of a broken run its twin as well.
{
  const ui = study.ui;
  const { make } = ui;
  const [WIDTH, HEIGHT, LEFT, FOOT] = [238, 170, 30, 16];
  const OVER = 18; // steps of which a point is the mean: one epoch
  const LINES = [
    { key: "loss", dash: [], colour: "ink", width: 2 },
    { key: "truth", dash: [1, 3], colour: "accent", width: 2.5 },
    { key: "twin", dash: [6, 4], colour: "ink", width: 1.25 },
    { key: "nll", dash: [8, 2, 2, 2], colour: "plus", width: 1.25 },
    { key: "kl", dash: [3, 2], colour: "minus", width: 1.25 },
  ];
  let canvas = null;
  let madeFor = "";

  // Means over an epoch of one column of a history: [{step, value}], at most 240 of them.
  function means(history, key) {
    const points = [];
    const stride = Math.max(1, Math.ceil(history.length / 240));
    for (let end = history.length - 1; end >= 0; end -= stride) {
      const from = Math.max(0, end - OVER + 1);
      let sum = 0;
      for (let k = from; k <= end; k++) sum += history[k][key];
      points.push({ step: history[end].step, value: sum / (end - from + 1) });
    }
    return points.reverse();
  }

  function series() {
    const { history } = ui.run;
    return {
      loss: means(history, "loss"), nll: means(history, "nll"), kl: means(history, "kl"),
      truth: ui.truth.map(({ step, loss }) => ({ step, value: loss })),
      twin: ui.twin ? means(ui.twin.history, "loss") : [],
    };
  }

  // The axis ends a little above where most of the curves lie: a start or an explosion may leave the picture.
  function range(all) {
    const values = Object.values(all).flat().map((point) => point.value).filter(Number.isFinite).sort((a, b) => a - b);
    if (!values.length) return [0, 50];
    const at = (share) => values[Math.floor(share * (values.length - 1))];
    return [Math.min(0, Math.max(at(0.02), -60)), Math.min(120, Math.max(10, at(0.97) * 1.1))];
  }

  function build() {
    madeFor = ui.lang;
    canvas = ui.canvas({ role: "img" });
    const item = ({ key, dash }) => make("li", { "data-curve": key }, sample(dash, key), make("span", {}, ui.t(`curve.${key}`)), make("output", {}));
    ui.fill(ui.byId("curves"), canvas, make("ul", { class: "legend" }, LINES.map(item)));
  }

  function sample(dash, key) {
    const line = ui.canvas({ "aria-hidden": "true" });
    line.stroke_ = () => stroke(line.size(26, 10), LINES.find((each) => each.key === key), [[1, 5], [25, 5]]);
    return line;
  }

  function stroke(brush, { dash, colour, width }, points) {
    brush.strokeStyle = ui.colour(colour);
    brush.lineWidth = width;
    brush.setLineDash(dash);
    brush.beginPath();
    points.forEach(([x, y], k) => (k ? brush.lineTo(x, y) : brush.moveTo(x, y)));
    brush.stroke();
    brush.setLineDash([]);
  }

  ui.watch(ui.byId("curves"));
  function draw() {
    if (ui.rests(ui.byId("curves"))) return;
    if (madeFor !== ui.lang) build();
    const all = series();
    const [low, high] = range(all);
    const last = Math.max(50, ui.run.step, ui.goal);
    const x = (step) => LEFT + (step / last) * (WIDTH - LEFT - 4);
    const y = (value) => HEIGHT - FOOT - ((value - low) / (high - low)) * (HEIGHT - FOOT - 6);
    const brush = canvas.size(WIDTH, HEIGHT);
    axes(brush, x, y, low, high, last);
    brush.save();
    brush.beginPath();
    brush.rect(LEFT, 0, WIDTH - LEFT, HEIGHT - FOOT);
    brush.clip();
    for (const line of LINES) stroke(brush, line, all[line.key].filter((point) => Number.isFinite(point.value)).map(({ step, value }) => [x(step), y(value)]));
    brush.restore();
    for (const item of document.querySelectorAll("[data-curve]")) {
      const point = all[item.dataset.curve].at(-1);
      item.hidden = item.dataset.curve === "twin" && !ui.twin;
      item.querySelector("canvas").stroke_();
      item.querySelector("output").textContent = point ? ui.number(point.value) : "–";
    }
    canvas.setAttribute("aria-label", ui.t("curves.picture", { step: ui.run.step, loss: ui.number(all.loss.at(-1)?.value), truth: ui.number(all.truth.at(-1)?.value) }));
  }

  function axes(brush, x, y, low, high, last) {
    brush.strokeStyle = ui.colour("rule");
    brush.fillStyle = ui.colour("quiet");
    brush.font = "10px system-ui, sans-serif";
    brush.textAlign = "right";
    brush.textBaseline = "middle";
    brush.lineWidth = 1;
    const pace = [5, 10, 20, 50].find((each) => (high - low) / each <= 6) ?? 100;
    for (let value = Math.ceil(low / pace) * pace; value <= high; value += pace) {
      brush.beginPath();
      brush.moveTo(LEFT, y(value));
      brush.lineTo(WIDTH, y(value));
      brush.stroke();
      brush.fillText(String(value).replace("-", "−"), LEFT - 4, y(value));
    }
    brush.textBaseline = "alphabetic";
    brush.fillText(ui.t("curves.steps", { step: last }), WIDTH - 2, HEIGHT - 3);
    brush.textAlign = "left";
    brush.fillText("0", LEFT, HEIGHT - 3);
  }

  ui.panels.push(draw);
}
