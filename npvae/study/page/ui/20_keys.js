// The keyboard: arrows inside the ledger, single keys for what is done often. Single keys can be switched off.
{
  const ui = study.ui;
  const { make } = ui;
  const KEYS = [
    ["Tab", "keys.tab"], ["← → ↑ ↓", "keys.arrows"], ["PageUp PageDown", "keys.page"], ["Enter", "keys.enter"], ["Backspace", "keys.back"], ["Esc", "keys.escape"],
    ["Space", "keys.train"], ["s", "keys.step"], [".", "keys.line"], ["?", "keys.help"],
  ];
  let single = true;

  // Move from entry to entry: to the side through all, up and down from line to line of the same side.
  function inLedger(event) {
    const here = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || !here.classList.contains("value")) return false;
    const all = [...document.querySelectorAll("#ledger-table .value")];
    const strip = here.role === "slider";
    switch (event.key) {
      case "ArrowRight": return (strip && here.move(here.at + 1)) || focus(all[all.indexOf(here) + 1]);
      case "ArrowLeft": return (strip && here.move(here.at - 1)) || focus(all[all.indexOf(here) - 1]);
      case "ArrowDown": return focus(neighbour(here, 1));
      case "ArrowUp": return focus(neighbour(here, -1));
      case "PageDown": return strip && here.move(Math.min(here.count - 1, here.at + here.pageBy));
      case "PageUp": return strip && here.move(Math.max(0, here.at - here.pageBy));
      case "Home": return focus(all[0]);
      case "End": return focus(all.at(-1));
      case "Enter": return strip && (ui.openLens(here.entry()), true);
      default: return false;
    }
  }

  const neighbour = (here, by) => {
    const side = here.closest("td").className;
    const lines = [...document.querySelectorAll(`#ledger-table td.${side} .line`)];
    return lines[lines.indexOf(here.closest(".line")) + by]?.querySelector(".value");
  };

  function focus(element) {
    if (!element) return true;
    element.focus();
    return true;
  }

  // The entry with the focus is the ledger's one tab stop.
  document.addEventListener("focusin", (event) => {
    if (!event.target.classList?.contains("value")) return;
    for (const other of document.querySelectorAll('#ledger-table .value[tabindex="0"]')) other.tabIndex = -1;
    event.target.tabIndex = 0;
  });

  const writing = (element) => element.matches?.('input:not([type="radio"]):not([type="range"]):not([type="checkbox"]), textarea, select');
  const pressed = (element) => element.matches?.('button, a, summary, [role="slider"], input');

  function everywhere(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || writing(target) || ui.byId("help").open) return false;
    if (key === "Backspace") return ui.lensBack(), true;
    if (key === "Escape" && target.closest?.("#lens")) return focus(ui.findValue(ui.state.lens) ?? ui.byId("ledger"));
    if (!single) return false;
    if (key === " " && (!pressed(target) || target.classList.contains("value"))) return ui.setTraining(!ui.training), true;
    if (key === ".") return ui.oneLine(), true;
    if (key === "s") return ui.byId("one-step").click(), true;
    if (key === "?") return ui.openHelp(), true;
    return false;
  }

  document.addEventListener("keydown", (event) => {
    if (inLedger(event) || everywhere(event)) event.preventDefault();
  });

  ui.openHelp = () => {
    const box = ui.byId("help");
    const rows = KEYS.map(([key, text]) => make("tr", {}, make("th", { scope: "row" }, make("kbd", {}, key)), make("td", {}, ui.t(text))));
    const toggle = make("label", { class: "option" }, make("input", { type: "checkbox", checked: single, onchange: (event) => (single = event.target.checked) }), make("span", {}, ui.t("keys.single")));
    ui.fill(box, make("h2", { id: "help-title" }, ui.t("reading.title")), make("p", {}, ui.t("reading.text")),
      make("h2", {}, ui.t("keys.title")), make("table", {}, make("tbody", {}, rows)), toggle, make("button", { class: "main", onclick: () => box.close() }, ui.t("lens.close")));
    box.showModal();
  };
  ui.byId("help-open").addEventListener("click", ui.openHelp);
}
