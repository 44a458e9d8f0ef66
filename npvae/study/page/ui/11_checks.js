// The four checks, always in view: a word and a shape each, and on request the rows behind them.
{
  const ui = study.ui;
  const { make } = ui;
  const SHAPES = { agrees: "✓", differs: "✗", "cannot_tell": "?" };
  const PAUSE = 1500; // ms between two rounds while training
  let found = null;
  let old = true;
  let doneAt = 0;
  let more = false;
  let madeFor = "";

  // ✓ agrees, in its colour
  ui.verdict = (verdict) =>
    make("span", { class: `verdict ${verdict}` }, make("span", { "aria-hidden": "true" }, SHAPES[verdict]), ` ${ui.t(`verdict.${verdict}`)}`);

  ui.checksAreOld = () => (old = true);

  function look() {
    if (!old || (ui.busy() && Date.now() - doneAt < PAUSE)) return false;
    found = study.checks(ui.run);
    [old, doneAt] = [false, Date.now()];
    ui.found = found;
    return true;
  }

  // What each check says, in words: [its verdict, one sentence]
  function sentences({ differences, twice, kl, sums }) {
    const lines = Object.values(differences.lines);
    const red = lines.filter((line) => line.verdict === "differs").length;
    const open = lines.filter((line) => line.verdict === "cannot_tell").length;
    const said = red ? ui.t("check.differences.bad", { count: red, first: differences.first.join(", ") })
      : open ? ui.t("check.differences.open", { count: open }) : ui.t("check.differences.good", { count: lines.length });
    const off = (value) => ui.number(Math.abs(value), 3);
    return [
      ["differences", differences.verdict, said],
      ["twice", twice.verdict, twice.lines.length ? ui.t("check.twice.bad", { count: twice.lines.length, first: twice.lines[0] }) : ui.t("check.twice.good")],
      ["kl", kl.verdict, ui.t("check.off", { off: off(kl.off) })],
      ["sums", sums.verdict, ui.t("check.off", { off: off(sums.off) })],
    ];
  }

  function draw() {
    const key = `${ui.lang} ${more}`;
    if (!look() && key === madeFor) return;
    madeFor = key;
    const said = sentences(found);
    const chip = ([id, verdict, text]) => make("button", {
      class: `check ${verdict}`, "data-check": id, "data-verdict": verdict, "data-focus": id, "aria-expanded": String(more), "aria-controls": "checks-more",
      onclick: () => ((more = !more), ui.later()),
    }, make("span", { class: "check-name" }, ui.t(`check.${id}`)), " ", ui.verdict(verdict), " ", make("span", { class: "check-said" }, text));
    ui.fill(ui.byId("checks-row"), said.map(chip));
    const box = ui.byId("checks-more");
    box.hidden = !more;
    if (more) ui.fill(box, explanation(said));
    ui.markLines(found.differences.lines);
  }

  function explanation(said) {
    const why = said.map(([id, verdict, text]) => make("li", {}, make("b", {}, ui.t(`check.${id}`)), ": ", ui.t(`check.${id}.why`), " ", ui.verdict(verdict), " ", text));
    const cells = ([id, { verdict, claim, value, bound }]) => make("tr", {}, make("th", { scope: "row" }, id), make("td", {}, ui.verdict(verdict)),
      [claim, value, bound].map((number) => make("td", { class: "mono" }, ui.number(number))));
    const heads = ["check.line", "check.verdict", "check.claim", "check.slope", "check.bound"].map((key) => make("th", { scope: "col" }, ui.t(key)));
    const table = make("table", { class: "rows" }, make("caption", {}, ui.t("check.rows")), make("thead", {}, make("tr", {}, heads)),
      make("tbody", {}, Object.entries(found.differences.lines).map(cells)));
    const close = make("button", { "data-focus": "close", onclick: () => ((more = false), ui.later(), ui.byId("checks-row").firstChild?.focus()) }, ui.t("lens.close"));
    return [close, make("ul", {}, why), make("div", { class: "wide", tabindex: 0, role: "group", "aria-label": ui.t("check.rows") }, table)];
  }

  ui.panels.push(draw);
}
