// Your turn: a backward line is covered, the student types it, and the four checks judge it. Text is parsed, never run.
{
  const ui = study.ui;
  const { make } = ui;
  const LINES = ["dstd", "dlogvar_z", "dmu_kl", "dlogvar_kl", "dmu", "dz", "dW4", "db4", "da2", "dlogits", "dnll", "dkl"];
  let madeFor = "";

  ui.coverLine = (id) => {
    ui.setTraining(false);
    ui.change({ hidden: id, typed: {}, break: "" });
    if (id) ui.showLine(id);
  };

  function judge(event) {
    event.preventDefault();
    const id = ui.state.hidden;
    const text = ui.byId("turn-text").value.trim();
    const found = study.typeLine(ui.run, id, text);
    if (found.error) return say(errorText(found.error), "bad");
    ui.change({ typed: { [id]: found } });
    ui.refresh();
    const verdicts = ["differences", "twice", "kl", "sums"].map((check) => ui.found[check].verdict);
    const right = verdicts.every((verdict) => verdict === "agrees");
    const here = ui.found.differences.lines[id]?.verdict;
    say(ui.t(right ? "turn.right" : here === "agrees" ? "turn.elsewhere" : "turn.wrong", { line: id }), right ? "good" : "bad");
  }

  // The parser's errors in words.
  const errorText = ({ code, values, column }) => {
    const text = ui.t(`error.${code}`, values);
    return column ? `${text} ${ui.t("error.column", { column })}` : text;
  };
  ui.errorText = errorText;

  function say(text, kind) {
    const box = ui.byId("turn-says");
    box.className = kind;
    box.textContent = text;
    ui.bringIntoView(box);
  }

  function draw() {
    const { hidden } = ui.state;
    const key = `${ui.lang} ${hidden}`;
    if (key === madeFor) return;
    madeFor = key;
    const choice = make("select", { id: "turn-line", "data-focus": "line", onchange: (event) => ui.coverLine(event.target.value) },
      make("option", { value: "" }, ui.t("turn.none")), LINES.map((id) => make("option", { value: id, selected: id === hidden }, id)));
    const intro = make("p", { class: "small quiet" }, ui.t("turn.intro"));
    const pick = make("label", { class: "field" }, make("span", {}, ui.t("turn.line")), choice);
    if (!hidden) return ui.fill(ui.byId("turn"), intro, pick);
    const left = study.leftOf(ui.line(hidden));
    const form = make("form", { onsubmit: judge },
      make("label", { for: "turn-text", class: "mono" }, `${left} =`),
      make("input", { type: "text", id: "turn-text", "data-focus": "text", autocomplete: "off", spellcheck: "false", autocapitalize: "off", maxlength: 300, "aria-describedby": "turn-says" }),
      make("div", { class: "row" }, make("button", { class: "main" }, ui.t("turn.judge")),
        make("button", { type: "button", onclick: () => (ui.byId("turn-text").value = ui.line(hidden).text) }, ui.t("turn.solution")),
        make("button", { type: "button", onclick: () => ui.coverLine("") }, ui.t("turn.end"))));
    ui.fill(ui.byId("turn"), intro, pick, form, make("p", { id: "turn-says", role: "status" }), make("p", { class: "small quiet" }, ui.t("turn.language")));
  }

  ui.panels.push(draw);
}
