// "One line": the pass line by line, down the forward and back up. What was not computed yet is a dash.
{
  const ui = study.ui;

  ui.playing = null; // {now: id of the line just computed, count: how many}

  ui.oneLine = () => {
    if (ui.training) ui.setTraining(false);
    if (!ui.playing) {
      ui.pass.clear();
      ui.playing = { now: "", count: 0 };
    }
    let id = ui.pass.step();
    while (id !== null && ui.line(id).kind === "size") id = ui.pass.step();
    if (id === null) return ui.allLines();
    ui.playing = { now: id, count: ui.playing.count + 1 };
    ui.refresh();
    say(id);
    ui.bringIntoView(ui.byId(`line-${id}`));
  };

  ui.allLines = () => {
    ui.playing = null;
    ui.stale = true;
    ui.refresh();
    ui.byId("cursor").textContent = ui.t("play.all");
  };

  function say(id) {
    const array = ui.pass.array(id);
    const few = array.length <= 4 ? [...array].map((value) => ui.number(value)).join(", ") : ui.t("play.many", { count: array.length });
    ui.byId("cursor").textContent = ui.t("play.said", { k: ui.playing.count, of: ui.shownLines.length, name: id, values: few });
  }

  ui.byId("one-line").addEventListener("click", ui.oneLine);
}
