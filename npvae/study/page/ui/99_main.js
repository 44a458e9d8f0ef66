// The start: the state comes from the address, every panel is drawn, and the language can be switched.
{
  const ui = study.ui;

  function speakLanguage() {
    document.documentElement.lang = ui.lang;
    document.title = `npvae ${ui.t("title")}`;
    ui.translate();
    const other = ui.lang === "ko" ? "en" : "ko";
    Object.assign(ui.byId("language"), { textContent: other === "ko" ? "한국어" : "English", lang: other });
  }

  ui.byId("language").addEventListener("click", () => {
    ui.change({ lang: ui.lang === "ko" ? "en" : "ko" });
    speakLanguage();
    ui.refresh();
  });

  ui.byId("copy-link").addEventListener("click", () => ui.copy(location.href.split("#")[0] + ui.link()));

  function readAddress() {
    const { state, errors } = study.readAddress(location.hash);
    const { run, L, H, beta } = study.data.trained;
    if (run && !location.hash) Object.assign(state, { L, H, beta, trained: 1 }); // a page made of a run opens on its weights
    ui.start({ ...state, eps: noiseOf(state) });
    speakLanguage();
    ui.byId("spoken").textContent = "";
    ui.refresh();
    const box = ui.byId("address-says");
    box.hidden = errors.length === 0;
    box.textContent = errors.map(ui.errorText).join(" ");
    if (state.break) ui.showLine(study.data.breaks.find((each) => each.id === state.break).edits[0].line);
  }

  // The noise of the address, or, where it says none, the seed's.
  const noiseOf = ({ eps, seed, L }) => {
    const given = eps ? eps.split(",").map(Number) : [];
    return ui.seedNoise({ seed, L }).map((drawn, l) => given[l] ?? drawn);
  };

  addEventListener("hashchange", readAddress);
  const layOut = () => {
    ui.layout++;
    ui.refresh();
  };
  addEventListener("resize", layOut);

  // On paper all blocks are open, and the address of what is shown stands below.
  let folded = null;
  addEventListener("beforeprint", () => {
    folded = ui.openBlocks();
    ui.foldAll();
    document.querySelector(".source").dataset.address = `${location.pathname.split("/").at(-1)}${ui.link()}`;
    layOut();
  });
  addEventListener("afterprint", () => {
    ui.foldAll(folded);
    layOut();
  });

  readAddress();
}
