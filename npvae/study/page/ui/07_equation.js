// One line of the ledger as text: its equation letter for letter, what a break changed in it, and where it comes from.
{
  const ui = study.ui;
  const { make } = ui;
  const lines = new Map(study.data.lines.map((line) => [line.id, line]));
  const values = new Set([...lines.keys(), "x", "eps", "beta", "W1", "b1", "W2", "b2", "W3", "b3", "W4", "b4"]);

  ui.line = (id) => lines.get(id);

  // What the break in force, or a typed line, changes in this line: [{from, to, at: [first, end]}]
  ui.editsOf = (id) => {
    const typed = ui.state.typed[id];
    if (typed) return [{ from: lines.get(id).text, to: typed.text, at: [0, lines.get(id).text.length] }];
    const found = study.data.breaks.find((each) => each.id === ui.state.break);
    return (found?.edits ?? []).filter((edit) => edit.line === id);
  };

  // Text with every name of a value marked, so that pointing at one lights it up everywhere.
  ui.withNames = (text) =>
    text.split(/([A-Za-z_]\w*)/).map((word, k) => (k % 2 && values.has(word) ? make("span", { class: "name", "data-of": word }, word) : word));

  ui.equation = (line) => {
    const box = make("div", { class: "equation" });
    box.append(...ui.withNames(study.leftOf(line)), " = ");
    if (ui.state.hidden === line.id) {
      box.append(make("span", { class: "covered" }, ui.t("turn.covered")));
      return box;
    }
    let from = 0;
    for (const edit of ui.editsOf(line.id)) {
      box.append(...ui.withNames(line.text.slice(from, edit.at[0])));
      if (edit.from) box.append(make("del", {}, edit.from));
      if (edit.to) box.append(make("ins", {}, ...ui.withNames(edit.to)));
      from = edit.at[1];
    }
    box.append(...ui.withNames(line.text.slice(from)));
    return box;
  };

  // Where the line stands in the library, why it holds, and the NumPy of it: on request.
  ui.origin = (line, shape) => {
    const page = line.op || "wiring";
    const cited = `${page} (${line.op_number || line.number})`;
    const symbols = line.shape.length ? `(${line.shape.join(", ")}) = ${shape.join(" × ")}` : ui.t("ledger.scalar");
    const summary = make("summary", {}, make("span", { class: "cited" }, cited), " ", make("span", { class: "shape" }, symbols));
    const box = make("details", { class: "why" }, summary);
    box.addEventListener("toggle", () => {
      if (!box.open || box.childElementCount > 1) return;
      box.append(make("p", { class: "quiet small" }, ui.t(`page.${page}`)), make("p", { class: "derivation" }, ui.t(`derive.${page}`)));
      if (line.code && ui.state.hidden !== line.id) {
        const copy = make("button", { onclick: () => ui.copy(line.code) }, ui.t("ledger.copy"));
        box.append(make("pre", { class: "code" }, line.code), copy);
      }
    });
    return box;
  };

  ui.copy = (text) => {
    const done = () => (ui.byId("cursor").textContent = ui.t("tool.copied"));
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => ui.copyByHand(text));
    else ui.copyByHand(text);
  };

  // Without a clipboard, the text is shown selected, to be copied by hand.
  ui.copyByHand = (text) => window.prompt(ui.t("tool.copy_by_hand"), text);

  // Pointing at a name lights up everything that has it.
  document.addEventListener("pointerover", (event) => {
    const name = event.target.closest?.("[data-of]")?.dataset.of;
    if (name === ui.lit) return;
    for (const element of document.querySelectorAll(".same")) element.classList.remove("same");
    ui.lit = name;
    if (name) for (const element of document.querySelectorAll(`[data-of="${CSS.escape(name)}"]`)) element.classList.add("same");
  });
}
