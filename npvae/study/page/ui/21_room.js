// How much of the window is covered: by the controls and the station above, by the lens below. What is brought into view
// stops short of them, and the panels at the sides begin under them.
{
  const ui = study.ui;
  const PARTS = ["above", "path", "lens"];

  const covered = (id) => {
    const element = ui.byId(id);
    const { position } = getComputedStyle(element);
    return position === "sticky" || position === "fixed" ? element.offsetHeight : 0;
  };

  ui.measureRoom = () => {
    const [above, path, lens] = PARTS.map(covered);
    const { style } = document.documentElement;
    style.setProperty("--top", `${above}px`);
    style.setProperty("--above", `${above + path}px`);
    style.setProperty("--below", `${lens}px`);
  };

  // Bring an element into what is left of the window; at once where motion is unwanted.
  ui.bringIntoView = (element, block = "nearest") => {
    ui.measureRoom();
    const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
    element?.scrollIntoView({ block, behavior });
  };

  const watcher = new ResizeObserver(ui.measureRoom);
  for (const id of PARTS) watcher.observe(ui.byId(id));
  addEventListener("resize", ui.measureRoom);
}
