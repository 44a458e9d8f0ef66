// The ledger: a table with the forward on the left, read down, and on the right the backward of the same line, read up.
{
  const ui = study.ui;
  const { make } = ui;
  const BLOCKS = ["encoder", "reparameterisation", "decoder", "loss"];
  const FIRST = "reparameterisation"; // open at the start: 37 lines at once frighten
  const shown = study.data.lines.filter((line) => line.kind !== "size");
  const open = new Set([FIRST]);
  let parts = []; // what is drawn again with every pass: {line, element, values}
  let madeFor = "";

  ui.shownLines = shown;

  function build() {
    const rows = (block) => shown.filter((line) => line.section === "Forward" && line.block === block);
    parts = [];
    const heads = ["forward", "backward"].map((side) =>
      make("th", { scope: "col", role: "columnheader", class: side }, ui.t(`ledger.${side}`)));
    const head = make("thead", { role: "rowgroup" },
      make("tr", { role: "row" }, make("th", { scope: "col", role: "columnheader", class: "hidden" }, ui.t("ledger.line")), heads));
    const table = make("table", { role: "table", "aria-label": ui.t("ledger.title") }, head,
      BLOCKS.map((block) => body(block, rows(block))));
    ui.fill(ui.byId("ledger-table"), table);
    firstStop();
  }

  function body(block, rows) {
    const toggle = make("button", { class: "fold", "aria-expanded": String(open.has(block)), "data-focus": `fold-${block}` },
      ui.t(`block.${block}`));
    const count = rows.length + shown.filter((line) => line.section === "Backward" && line.block === block).length;
    const group = make("tbody", { role: "rowgroup", class: `block ${open.has(block) ? "" : "folded"}`, "data-block": block },
      make("tr", { role: "row", class: "block-title" },
        make("th", { colspan: 2, scope: "rowgroup", role: "rowheader" }, toggle, make("span", { class: "quiet small" }, ui.t("block.lines", { count })))),
      rows.map(row));
    toggle.addEventListener("click", () => ui.unfold(block, !open.has(block)));
    return group;
  }

  const row = (line) => {
    const back = shown.filter((each) => each.section === "Backward" && each.row === line.id);
    return make("tr", { role: "row", "data-row": line.id },
      make("th", { scope: "row", role: "rowheader", class: "hidden" }, line.id),
      make("td", { role: "cell", class: "forward" }, cell(line)),
      make("td", { role: "cell", class: "backward" }, back.length ? back.map(cell) : make("span", { class: "quiet small" }, ui.t("ledger.no_gradient"))));
  };

  function cell(line) {
    const shape = ui.pass.shape(line.id);
    const values = ui.values(line.id, shape);
    const short = make("span", { class: "short name", "data-of": line.id }, line.id);
    const sum = line.sum ? make("span", { class: "badge" }, ui.t("ledger.paths")) : null;
    const verdict = make("span", { class: "verdict-slot" });
    const changed = ui.editsOf(line.id).length ? make("span", { class: "badge changed" }, ui.t("ledger.changed")) : null;
    const element = make("div", { class: "line lit", "data-line": line.id, id: `line-${line.id}` },
      make("div", { class: "text" }, ui.equation(line)),
      make("div", { class: "meta" }, ui.origin(line, shape), make("div", { class: "marks" }, sum, changed, verdict)), make("div", { class: "shown" }, short, values));
    ui.watch(element);
    parts.push({ line: { ...line, rowBlock: blockOf(line.id) }, element, values, verdict });
    return element;
  }

  ui.unfold = (block, on) => {
    if (on) open.add(block);
    else open.delete(block);
    const group = document.querySelector(`tbody[data-block="${block}"]`);
    group?.classList.toggle("folded", !on);
    group?.querySelector(".fold").setAttribute("aria-expanded", String(on));
    drawTools();
    ui.later();
  };

  const blockOf = (name) => {
    const line = ui.line(name);
    return line && (ui.line(line.row) ?? line).block;
  };

  // Open the block of this line and bring it into view.
  ui.showLine = (name) => {
    const block = blockOf(name);
    if (!block) return;
    ui.unfold(block, true);
    ui.refresh(); // the values of the block take their room
    ui.bringIntoView(ui.byId(`line-${name}`), "center");
  };

  // Open these blocks and fold the others.
  ui.foldAll = (blocks = BLOCKS) => BLOCKS.forEach((block) => ui.unfold(block, blocks.includes(block)));
  ui.openBlocks = () => [...open];

  function draw() {
    const { L, H, typed } = ui.state;
    const key = JSON.stringify([L, H, ui.state.n, ui.state.break, ui.state.hidden, Object.entries(typed).map(([id, line]) => [id, line.text]), ui.lang]);
    if (key !== madeFor) {
      madeFor = key;
      build();
      drawTools();
      ui.markLines();
    }
    for (const { line, element, values } of parts) {
      const done = ui.pass.isDone(line.id);
      if (ui.rests(element)) continue;
      element.classList.toggle("waiting", !done);
      element.classList.toggle("now", ui.playing && ui.playing.now === line.id);
      values.draw(ui.pass, !open.has(line.rowBlock));
    }
    drawPlace();
  }

  // The verdict of the difference check, beside each gradient: a shape and a word.
  let marks = null;
  ui.markLines = (verdicts = marks) => {
    marks = verdicts;
    for (const { line, verdict } of parts) {
      const found = verdicts?.[line.id];
      ui.fill(verdict, found ? ui.verdict(found.verdict) : null);
    }
  };

  function drawPlace() {
    const { playing } = ui;
    const place = ui.byId("ledger-place");
    place.hidden = !playing;
    if (!playing) return;
    const line = ui.line(playing.now);
    const place_of = { k: playing.count, of: shown.length };
    ui.fill(place, make("span", { class: "badge" }, ui.t("play.place", place_of)), " ", line ? ui.equation(line) : "",
      make("button", { "data-focus": "rest", onclick: ui.allLines }, ui.t("play.rest")));
  }

  function drawTools() {
    const tab = (n) => make("button", { "aria-pressed": String(ui.state.n === n), "data-focus": `n${n}`, onclick: () => ui.change({ n, lens: ui.state.lens }) },
      ui.t(`ledger.n${n}`));
    const all = open.size === BLOCKS.length;
    const fold = make("button", { "data-focus": "fold", onclick: () => ui.foldAll(all ? [FIRST] : BLOCKS) }, ui.t(all ? "ledger.fold" : "ledger.unfold"));
    ui.fill(ui.byId("ledger-tools"), make("div", { class: "row", role: "group", "aria-label": ui.t("ledger.samples") }, tab(1), tab(4)), fold);
  }

  // One tab stop in the ledger: the entry looked at last, or the first.
  function firstStop() {
    const { lens } = ui.state;
    const at = lens && ui.findValue(lens);
    (at ?? document.querySelector("#ledger-table .value"))?.setAttribute("tabindex", "0");
  }

  // The element that shows this entry: its number, or its strip with the frame moved to it. null if it is no line.
  ui.findValue = ({ name, at }) => {
    const found = [...document.querySelectorAll(`#ledger-table .value[data-name="${CSS.escape(name)}"]`)];
    if (!found.length) return null;
    const shape = ui.pass.shape(name);
    const index = ui.flat(at, shape);
    if (found[0].role !== "slider") return found[index] ?? null;
    found[0].at = Math.min(index, found[0].count - 1);
    return found[0];
  };

  ui.panels.push(draw);
}
