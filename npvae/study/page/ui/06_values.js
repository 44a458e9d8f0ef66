// The values of one line: up to eight as numbers, more as cells. Either way each entry can be reached and opened.
{
  const ui = study.ui;
  const { make } = ui;
  const AS_NUMBERS = 8;
  const AXES = { N: "axis.row", L: "axis.latent", H: "axis.hidden", D: "axis.pixel", J: "axis.head" };

  // "dlogvar, row 0, latent 1"
  ui.spokenEntry = ({ name, at }) => {
    const symbols = ui.symbols(name);
    return [name, ...at.map((index, axis) => `${ui.t(AXES[symbols[axis]])} ${index}`)].join(", ");
  };

  // Symbols of an array's axes: ["N", "L"]
  const GIVEN = { W1: "D H", b1: "H", W2: "H J", b2: "J", W3: "L H", b3: "H", W4: "H D", b4: "D" };
  ui.symbols = (name) => {
    const line = study.data.lines.find((each) => each.id === name);
    if (line) return line.shape;
    if (name === "x") return ["N", "D"];
    if (name.startsWith("eps")) return ["N", "L"];
    return GIVEN[name]?.split(" ") ?? [];
  };

  // An element with draw(pass, small) that shows this array, and places entries for keyboard and pointer.
  ui.values = (name, shape) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return count <= AS_NUMBERS ? numbers(name, shape, count) : cells(name, shape, count);
  };

  function numbers(name, shape, count) {
    const columns = shape.at(-1) ?? 1;
    const box = make("span", { class: "numbers", style: shape.length === 2 && shape[0] > 1 ? `--columns: ${columns}` : null });
    const buttons = [];
    for (let index = 0; index < count; index++) {
      const entry = { name, at: ui.indices(index, shape) };
      const open = (event) => ui.openLens(entry, event);
      const button = make("button", { class: "value number", tabindex: -1, "data-name": name, "data-entry": index, onclick: open });
      button.entry = () => entry;
      buttons.push(button);
    }
    box.append(...buttons);
    box.draw = (pass, small) => {
      const array = pass.array(name);
      buttons.forEach((button, index) => {
        const value = array?.[index];
        button.textContent = ui.number(value, small ? 3 : 4);
        button.classList.toggle("below", value < 0);
        button.classList.toggle("looked-at", ui.isLookedAt(button.entry()));
        button.setAttribute("aria-label", `${ui.spokenEntry(button.entry())}: ${ui.spoken(value)}`);
      });
    };
    return box;
  }

  // A strip is a slider over its entries: arrows move the frame, and a screen reader reads the entry under it.
  function cells(name, shape, count) {
    const canvas = ui.canvas({ "aria-hidden": "true" });
    const box = make("div", {
      class: "value strip", role: "slider", tabindex: -1, "data-name": name, "aria-valuemin": 0, "aria-valuemax": count - 1,
    }, canvas);
    let places = null;
    box.at = 0;
    box.entry = () => ({ name, at: ui.indices(box.at, shape) });
    const say = (pass) => {
      const value = pass.array(name)?.[box.at];
      box.setAttribute("aria-label", `${name} (${shape.join(" × ")})`);
      box.setAttribute("aria-valuenow", box.at);
      box.setAttribute("aria-valuetext", `${ui.spokenEntry(box.entry())}: ${ui.spoken(value)}`);
      box.title = `${study.entryText(box.entry())} = ${ui.number(value)}`;
    };
    box.draw = (pass, small) => {
      if (!places || places.small !== small || places.layout !== ui.layout)
        places = { ...ui.cellsOf(shape, box.parentElement.clientWidth || 280, small ? 8 : 18), small, layout: ui.layout };
      const shown = document.activeElement === box || ui.isLookedAt(box.entry()) ? box.at : -1;
      ui.drawCells(canvas.size(places.width, places.height), places, pass.array(name), shown);
      say(pass);
    };
    box.move = (to) => {
      if (to < 0 || to >= count) return false;
      box.at = to;
      box.draw(ui.pass, places.small);
      return true;
    };
    box.pageBy = shape.at(-1) ?? 1;
    box.count = count;
    const point = (event) => ui.cellAt(places, canvas.place(event));
    box.addEventListener("pointermove", (event) => {
      const at = point(event);
      const entry = { name, at: ui.indices(Math.max(0, at), shape) };
      box.title = at < 0 ? "" : `${study.entryText(entry)} = ${ui.number(ui.pass.array(name)?.[at])}`;
    });
    box.addEventListener("click", (event) => {
      const at = point(event);
      if (at >= 0) box.move(at);
      ui.openLens(box.entry(), event);
    });
    for (const when of ["focus", "blur"]) box.addEventListener(when, () => places && box.draw(ui.pass, places.small));
    return box;
  }

  ui.isLookedAt = ({ name, at }) => {
    const { lens } = ui.state;
    return lens && ui.lensIsOpen && lens.name === name && lens.at.every((index, axis) => index === at[axis]);
  };
}
