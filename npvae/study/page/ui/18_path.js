// The guided path: nine stations, each a question, something to do, and what to notice. "Show me" sets the page for it.
{
  const ui = study.ui;
  const { make } = ui;
  const SEVEN = { digit: 7, own: null, n: 1, break: "", typed: {}, hidden: "" };
  const entry = (name, ...at) => ({ name, at });

  // What "show me" does: the state it sets, where to look, and what it starts.
  const STATIONS = [
    { look: "digit", state: { ...SEVEN }, then: () => (ui.foldAll(["encoder"]), ui.byId("one-line").focus()) },
    { look: "line-z", state: { ...SEVEN, lens: entry("z", 0, 0) } },
    { look: "line-loss", state: { ...SEVEN, lens: entry("loss") } },
    { look: "line-dnll", state: { ...SEVEN, lens: entry("dnll", 0) }, then: () => playUntil("dnll") },
    { look: "line-dstd", state: { ...SEVEN, lens: entry("dstd", 0, 0) } },
    { look: "line-dmu", state: { ...SEVEN, lens: entry("dmu", 0, 0) } },
    { look: "line-db3", state: { ...SEVEN, n: 4, lens: entry("db3", 0) } },
    { look: "plane", state: { ...SEVEN, beta: 1 }, then: () => ui.setTraining(true) },
    { look: "line-std", state: { ...SEVEN, break: "std-is-variance", lens: entry("std", 0, 0) } },
  ];

  function playUntil(id) {
    ui.playing = null;
    ui.refresh();
    do ui.oneLine();
    while (ui.playing && ui.playing.now !== id);
  }

  ui.goStation = (station) => ui.change({ station });

  ui.showStation = () => {
    const { look, state, then } = STATIONS[ui.state.station - 1];
    ui.setTraining(false);
    ui.lensIsOpen = Boolean(state.lens) && matchMedia("(min-width: 721px)").matches;
    ui.change(state);
    ui.refresh();
    if (look.startsWith("line-")) ui.showLine(look.slice(5));
    else ui.bringIntoView(ui.byId(look));
    then?.();
    if (!matchMedia("(min-width: 721px)").matches) ui.byId("station").querySelector("details").open = false; // room for what it shows
    for (const marked of document.querySelectorAll(".pointed")) marked.classList.remove("pointed");
    (ui.byId(look).closest(".column:not(.middle) .panel") ?? ui.byId(look)).classList.add("pointed");
  };

  let madeFor = "";
  function draw() {
    const { station } = ui.state;
    const key = `${ui.lang} ${station}`;
    if (key === madeFor) return;
    madeFor = key;
    const stop = (_, k) => make("li", {}, make("button", { "data-focus": `s${k}`, "aria-current": station === k + 1 ? "step" : null, "aria-label": `${k + 1}. ${ui.t(`station.${k + 1}.title`)}`,
      title: ui.t(`station.${k + 1}.title`), onclick: () => ui.goStation(station === k + 1 ? 0 : k + 1) }, String(k + 1)));
    ui.fill(ui.byId("stations"), STATIONS.map(stop));
    const box = ui.byId("station");
    ui.byId("path").classList.toggle("going", station > 0);
    if (!station) return ui.fill(box, make("p", { class: "quiet" }, ui.t("path.intro")), make("button", { "data-focus": "begin", onclick: () => ui.goStation(1) }, ui.t("path.begin")));
    const part = (name) => make("p", { class: name }, make("b", {}, ui.t(`path.${name}`)), " ", ui.t(`station.${station}.${name}`));
    ui.fill(box, make("details", { open: true }, make("summary", { "data-focus": "title" }, `${station}. ${ui.t(`station.${station}.title`)}`), make("div", { class: "texts" }, part("do"), part("notice"))),
      make("div", { class: "row" },
        make("button", { class: "main", "data-focus": "show", onclick: ui.showStation }, ui.t("path.show")),
        make("button", { "data-focus": "before", disabled: station === 1, onclick: () => ui.goStation(station - 1) }, ui.t("path.before")),
        make("button", { "data-focus": "next", onclick: () => ui.goStation(station === STATIONS.length ? 0 : station + 1) }, ui.t(station === STATIONS.length ? "path.end" : "path.next"))));
  }

  ui.panels.push(draw);
}
