// A digit of one's own: 64 buttons to paint with the pointer, or with arrows and Space.
{
  const ui = study.ui;
  const { make } = ui;
  const GREYS = [0, 0.5, 1];
  let painting = null; // the grey that a held pointer paints

  ui.toggleDrawing = () => {
    const box = ui.byId("drawing");
    const on = !box.childElementCount;
    ui.byId("draw-own").setAttribute("aria-expanded", String(on));
    if (!on) return box.replaceChildren();
    if (!ui.state.own) ui.change({ own: new Float64Array(64) });
    ui.fill(box, make("p", { class: "small quiet" }, ui.t("drawing.how")), grid(),
      make("div", { class: "row" }, make("button", { onclick: () => paintAll() }, ui.t("drawing.clear")),
        make("button", { onclick: () => (ui.change({ own: null }), ui.toggleDrawing(), ui.byId("draw-own").focus()) }, ui.t("drawing.end"))));
    box.querySelector("button").focus();
  };

  function grid() {
    const cells = Array.from({ length: 64 }, (_, pixel) => make("button", { class: "pixel", tabindex: pixel ? -1 : 0, "data-pixel": pixel }));
    const rows = Array.from({ length: 8 }, (_, row) => make("div", { class: "pixels", role: "group", "aria-label": ui.t("drawing.row", { row }) }, cells.slice(row * 8, row * 8 + 8)));
    const box = make("div", { class: "canvas", role: "group", "aria-label": ui.t("drawing.title") }, rows);
    const at = (event) => document.elementFromPoint(event.clientX, event.clientY)?.dataset?.pixel;
    box.addEventListener("pointerdown", (event) => {
      if (at(event) === undefined) return;
      event.preventDefault();
      painting = ui.state.own[at(event)] > 0.75 ? 0 : 1;
      paint(Number(at(event)), painting);
    });
    box.addEventListener("pointermove", (event) => painting !== null && at(event) !== undefined && paint(Number(at(event)), painting));
    for (const end of ["pointerup", "pointerleave", "pointercancel"]) box.addEventListener(end, () => (painting = null));
    box.addEventListener("keydown", (event) => {
      const pixel = Number(event.target.dataset.pixel);
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -8, ArrowDown: 8 }[event.key];
      if (by !== undefined && pixel + by >= 0 && pixel + by < 64) {
        cells[pixel].tabIndex = -1;
        cells[pixel + by].tabIndex = 0;
        cells[pixel + by].focus();
      } else if (event.key === " " || event.key === "Enter") {
        const grey = GREYS.findIndex((value) => value >= ui.state.own[pixel]);
        paint(pixel, GREYS[(grey + 1) % GREYS.length]);
      } else return;
      event.preventDefault();
      event.stopPropagation();
    });
    cells.forEach((_, pixel) => show(cells[pixel], ui.state.own[pixel]));
    return box;
  }

  function show(cell, grey) {
    const [row, column] = [Math.floor(cell.dataset.pixel / 8), cell.dataset.pixel % 8];
    cell.style.setProperty("--grey", grey);
    cell.setAttribute("aria-label", ui.t("drawing.pixel", { row, column, grey: Math.round(grey * 100) }));
  }

  function paint(pixel, grey) {
    const own = Float64Array.from(ui.state.own);
    own[pixel] = grey;
    ui.change({ own });
    show(document.querySelector(`[data-pixel="${pixel}"]`), grey);
  }

  function paintAll() {
    ui.change({ own: new Float64Array(64) });
    for (const cell of document.querySelectorAll("[data-pixel]")) show(cell, 0);
  }
}
