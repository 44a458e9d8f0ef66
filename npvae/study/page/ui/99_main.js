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
  for (const event of ["resize", "beforeprint", "afterprint"])
    addEventListener(event, () => {
      ui.layout++;
      ui.refresh();
    });

  readAddress();
}
