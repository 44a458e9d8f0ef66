// Break a line: thirteen edits of one equation each, the table of what each check sees, and what comes of it.
{
  const ui = study.ui;
  const { make } = ui;
  const CHECKS = ["differences", "twice", "kl", "sums"];
  const MARKS = { agrees: "–", differs: "✗", "cannot_tell": "?" };

  const title = (id) => ui.t(id ? `break.${id}.title` : "break.none");

  ui.chooseBreak = (id) => {
    ui.setTraining(false);
    ui.change({ break: id, typed: {}, hidden: "" });
    const first = study.data.breaks.find((each) => each.id === id)?.edits[0].line;
    if (first) ui.showLine(first);
  };

  let madeFor = "";
  function draw() {
    if (madeFor !== ui.lang) build();
    for (const input of document.querySelectorAll("#breaks input")) input.checked = input.value === ui.state.break;
    drawStory();
  }

  function build() {
    madeFor = ui.lang;
    const option = (id) => make("label", { class: "option" },
      make("input", { type: "radio", name: "break", value: id, onchange: () => ui.chooseBreak(id) }), make("span", {}, title(id)));
    const choices = make("div", { class: "options", role: "radiogroup", "aria-labelledby": "breaks-title" }, ["", ...study.data.breaks.map((each) => each.id)].map(option));
    choices.append(make("div", { id: "break-story", class: "story" }));
    ui.fill(ui.byId("breaks"), make("p", { class: "small quiet" }, ui.t("breaks.intro")), choices, tableOfAll());
  }

  function drawStory() {
    const id = ui.state.break;
    const box = ui.byId("break-story");
    box.hidden = !id && !ui.run.diverged;
    if (box.hidden) return;
    const option = document.querySelector("#breaks input:checked")?.closest("label");
    if (option && option.nextSibling !== box) option.after(box); // the story stands under its mistake
    const edits = (study.data.breaks.find((each) => each.id === id)?.edits ?? []).map((edit) => make("button", { class: "plain mono", "data-focus": edit.line, onclick: () => ui.showLine(edit.line) }, edit.line));
    ui.fill(box, id ? make("p", {}, ui.t(`break.${id}.story`)) : null,
      edits.length ? make("p", { class: "small" }, ui.t("breaks.lines"), " ", edits) : null,
      ui.run.diverged ? make("p", { class: "alarm" }, ui.t("run.diverged")) : null);
  }

  // Which check sees which break: none of the four sees all of them.
  function tableOfAll() {
    const head = make("tr", {}, make("th", { scope: "col" }, ui.t("breaks.break")), CHECKS.map((check) => make("th", { scope: "col" }, ui.t(`check.${check}.short`))));
    const cell = (verdict) => make("td", { class: verdict === "differs" ? "sees" : "" },
      make("span", { "aria-hidden": "true" }, MARKS[verdict]), make("span", { class: "hidden" }, ui.t(verdict === "differs" ? "breaks.sees" : "breaks.blind")));
    const rows = study.data.breaks.map(({ id, verdicts }) => make("tr", {}, make("th", { scope: "row" }, title(id)), CHECKS.map((check) => cell(verdicts[check]))));
    return make("details", { class: "all-breaks" }, make("summary", {}, ui.t("breaks.table")),
      make("p", { class: "small" }, ui.t("breaks.lesson")), make("table", { class: "rows" }, make("thead", {}, head), make("tbody", {}, rows)));
  }

  ui.panels.push(draw);
}
