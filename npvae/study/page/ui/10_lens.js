// The lens: one number, what it is made of, what it feeds, and what differences say of it. Back and forth as in a browser.
{
  const ui = study.ui;
  const { make } = ui;
  const past = []; // entries looked at before
  const future = []; // entries gone back from
  let shut = ""; // whether the closed lens is drawn

  ui.lensIsOpen = false; // until a number is pressed, or the address names one

  const same = (one, other) => one && other && study.entryText(one) === study.entryText(other);

  // Look at an entry. From the keyboard the focus goes with it; a pointer's stays where it is.
  ui.openLens = (entry, event) => {
    if (!same(entry, ui.state.lens)) {
      if (ui.state.lens && ui.lensIsOpen) past.push(ui.state.lens);
      future.length = 0;
    }
    look(entry, !event || event.detail === 0);
  };

  ui.lensBack = () => past.length && (future.push(ui.state.lens), look(past.pop(), false));
  ui.lensForward = () => future.length && (past.push(ui.state.lens), look(future.pop(), false));

  ui.closeLens = () => {
    ui.lensIsOpen = false;
    draw();
    ui.later();
    ui.findValue(ui.state.lens)?.focus();
  };

  function look(entry, focus) {
    ui.lensIsOpen = true;
    ui.change({ lens: entry });
    ui.findValue(entry);
    draw();
    ui.byId("cursor").textContent = `${ui.spokenEntry(entry)}: ${ui.spoken(ui.pass.value(entry.name, entry.at))}`;
    if (focus) ui.byId("lens").focus({ preventScroll: false });
  }

  const link = (entry, value, focus) =>
    make("button", {
      class: `entry${value < 0 ? " below" : ""}`, "data-of": entry.name, "data-focus": focus ?? `e${study.entryText(entry)}`,
      "aria-label": `${ui.spokenEntry(entry)}: ${ui.spoken(value)}`, onclick: (event) => ui.openLens(entry, event),
    }, make("span", { class: "of" }, study.entryText(entry)), make("span", { class: "is" }, ui.number(value)));

  // Text and entries of an equation, each entry with its number under it.
  const pieces = (list) => list.map((piece) => (piece.entry ? link(piece.entry, piece.value) : make("span", { class: "op" }, piece.text)));

  function trail() {
    const steps = [...past.slice(-6), ui.state.lens];
    const items = steps.map((entry, k) => {
      const text = study.entryText(entry);
      const last = k === steps.length - 1;
      const back = () => {
        for (let count = steps.length - 1 - k; count > 0; count--) ui.lensBack();
      };
      return make("li", {}, last ? make("span", { "aria-current": "true" }, text) : make("button", { class: "plain mono", "data-focus": `t${k}`, onclick: back }, text));
    });
    return make("nav", { class: "trail", "aria-label": ui.t("lens.trail") },
      make("button", { "data-focus": "back", disabled: past.length === 0, onclick: ui.lensBack, "aria-label": ui.t("lens.back"), title: ui.t("lens.back") }, "←"),
      make("button", { "data-focus": "forward", disabled: future.length === 0, onclick: ui.lensForward, "aria-label": ui.t("lens.forward"), title: ui.t("lens.forward") }, "→"),
      make("ol", {}, items));
  }

  function head(found, entry) {
    const value = make("strong", { class: "mono" }, `${study.entryText(entry)} = ${ui.number(found.value, 6)}`);
    return make("p", { class: "lens-head" }, value, make("span", { class: "meaning quiet" }, ...meaning(found, entry)));
  }

  // What kind of number this is: a slope of the loss, a parameter, data, noise, or a value on the way.
  function meaning(found, entry) {
    if (found.of) return [ui.t(found.via ? "lens.slope_via" : "lens.slope", { via: found.via }), " ", link(found.of, ui.pass.value(found.of.name, found.of.at))];
    if (found.line) return [found.line.op ? ui.t("lens.computed", { line: found.line.op }) : ui.t("lens.computed_own")];
    const kind = /^[Wb]\d$/.test(entry.name) ? "parameter" : entry.name === "x" ? "data" : entry.name === "beta" ? "beta" : "noise";
    return [ui.t(`lens.${kind}`)];
  }

  function sumOf({ terms, count, rest }) {
    const all = terms.reduce((sum, term) => sum + Math.abs(term.value), 0) + Math.abs(rest?.value ?? 0) || 1;
    const bar = (value) => make("span", { class: `bar${value < 0 ? " below" : ""}`, style: `--share: ${(Math.abs(value) / all).toFixed(3)}`, "aria-hidden": "true" });
    const rows = terms.map((term) => make("tr", {}, make("td", {}, make("span", { class: "pieces flat" }, pieces(term.pieces))), make("td", { class: "mono" }, ui.number(term.value)), make("td", {}, bar(term.value))));
    if (rest && rest.count > 0) rows.push(make("tr", {}, make("td", {}, ui.t("lens.rest", { count: rest.count })), make("td", { class: "mono" }, ui.number(rest.value)), make("td", {}, bar(rest.value))));
    return make("table", { class: "terms" }, make("caption", {}, count === 1 ? ui.t("lens.one_term") : ui.t("lens.terms", { count })),
      make("thead", { class: "hidden" }, make("tr", {}, ["lens.term", "lens.value", "lens.share"].map((key) => make("th", { scope: "col" }, ui.t(key))))),
      make("tbody", {}, rows));
  }

  // What differences say of a gradient; of any other value, what they say of its gradient.
  function differences(entry) {
    const found = ui.pass.done && !ui.playing ? study.slope(ui.pass, entry) : null;
    if (!found) return null;
    const values = { value: ui.number(found.value, 6), bound: ui.number(found.bound, 3) };
    const gradient = study.data.lines.find(({ of, via }) => of === entry.name && !via);
    const name = gradient ? [ui.t("lens.its_gradient"), " ", link({ name: gradient.id, at: entry.at }, found.claim, "gradient"), " "] : [];
    return make("p", { class: "slope" }, name, make("span", {}, ui.t(gradient ? "lens.by_differences" : "lens.differences", values)), " ", ui.verdict(found.verdict));
  }

  function feeds(entry) {
    const found = study.consumers(ui.pass, entry);
    if (!found.length) return make("p", { class: "quiet" }, ui.t(entry.name === "loss" ? "lens.feeds_none" : "lens.feeds_nothing"));
    const item = ({ entries, count }) => make("span", { class: "feed" },
      entries.slice(0, 4).map((each) => link(each, ui.pass.value(each.name, each.at), `f${study.entryText(each)}`)),
      count > 4 ? make("span", { class: "quiet" }, ui.t("lens.more", { count: count - 4 })) : null);
    return make("div", { class: "feeds" }, make("span", {}, ui.t("lens.feeds")), " ", found.map(item));
  }

  // Any entry by name and indices: the way to one cell of a large array without having to hit it.
  function chooser(entry) {
    const shape = ui.pass.shape(entry.name);
    const go = (axis) => (event) => {
      const at = [...entry.at];
      at[axis] = Math.min(shape[axis] - 1, Math.max(0, Math.round(Number(event.target.value)) || 0));
      ui.openLens({ name: entry.name, at }, { detail: 1 });
    };
    const fields = entry.at.map((index, axis) => make("input", {
      type: "number", min: 0, max: shape[axis] - 1, value: index, "data-focus": `i${axis}`, onchange: go(axis),
      "aria-label": ui.t("lens.index", { name: entry.name, axis: axis + 1, last: shape[axis] - 1 }),
    }));
    const goLine = ui.line(entry.name) ? make("button", { "data-focus": "show", onclick: () => ui.showLine(entry.name) }, ui.t("lens.show_line")) : null;
    const close = make("button", { class: "close", "data-focus": "close", onclick: ui.closeLens }, ui.t("lens.close"));
    return make("div", { class: "row chooser" }, fields.length ? make("span", { class: "mono" }, entry.name) : null, fields, goLine, close);
  }

  function draw() {
    const box = ui.byId("lens");
    box.classList.toggle("closed", !ui.lensIsOpen);
    if (!ui.lensIsOpen) return shut === ui.lang || ((shut = ui.lang), ui.fill(ui.byId("lens-body"), make("p", { class: "quiet" }, ui.t("lens.closed"))));
    shut = "";
    const entry = ui.state.lens;
    const found = study.explain(ui.pass, entry);
    const covered = found.line && ui.state.hidden === found.line.id;
    const equation = covered ? make("p", { class: "covered" }, ui.t("turn.covered"))
      : found.line ? make("div", { class: "pieces" }, found.sum ? make("span", { class: "op" }, `= ${found.equation.map((piece) => piece.text).join("")}`) : [make("span", { class: "op" }, "= "), pieces(found.equation)].flat()) : null;
    ui.fill(ui.byId("lens-body"), make("div", { class: "lens-row" }, trail(), chooser(entry)), head(found, entry), equation,
      found.sum && !covered ? sumOf(found.sum) : null, make("div", { class: "lens-row" }, differences(entry), feeds(entry)));
  }
  ui.panels.push(draw);
}
