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
    const whole = lines.get(id).text;
    const found = study.data.breaks.find((each) => each.id === ui.state.break);
    const edits = typed ? [{ line: id, from: whole, to: typed.text, at: [0, whole.length] }] : (found?.edits ?? []);
    return edits.filter((edit) => edit.line === id).map(trimmed).filter(({ from, to }) => from !== to);
  };

  // The edit without what stands at both its ends before and after, in whole words: of "mu" to "mu * 2", " * 2" is new.
  function trimmed({ from, to, at: [first, end] }) {
    const [old, put] = [from, to].map((text) => text.match(/\w+|\W/g) ?? []);
    const least = Math.min(old.length, put.length);
    let [head, tail] = [0, 0];
    while (head < least && old[head] === put[head]) head++;
    while (tail < least - head && old.at(-1 - tail) === put.at(-1 - tail)) tail++;
    const inner = (words) => words.slice(head, words.length - tail).join("");
    const length = (words) => words.join("").length;
    return { from: inner(old), to: inner(put), at: [first + length(old.slice(0, head)), end - length(old.slice(old.length - tail))] };
  }

  // Text with every name of a value marked, so that pointing at one lights it up everywhere. A name and its indices stay
  // on one line of the screen.
  ui.withNames = (text) =>
    text.split(/([A-Za-z_]\w*(?:\[[^\][]*\])?)/).map((part, k) => {
      const [name, indices] = k % 2 ? part.split(/(?=\[)/) : [];
      return values.has(name) ? make("span", { class: "whole" }, make("span", { class: "name", "data-of": name }, name), indices ?? "") : part;
    });

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
