// Words in the language that is chosen, and numbers as they are shown. words.json holds every text of the page.
{
  const ui = (study.ui = {});
  const words = study.data.words;

  ui.lang = "en";

  // t("lens.terms", {n: 64}) -> "64 terms, largest first", in the language chosen
  ui.t = (key, values = {}) => {
    const word = words[key];
    if (!word) throw new Error(`words.json has no ${key}`);
    return word[ui.lang].replace(/\{(\w+)\}/g, (mark, name) => (name in values ? values[name] : mark));
  };

  // Four digits that count, a real minus sign, and no -0: 0.3425, −12.31, 1.2e−7. A value not computed is a dash.
  ui.number = (value, digits = 4) => {
    if (value === undefined) return "–";
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    const size = Math.abs(value);
    if (size === 0) return "0";
    const text = size >= 1e5 || size < 1e-4 ? value.toExponential(digits - 2) : value.toPrecision(digits);
    return text.replace("e+", "e").replaceAll("-", "−");
  };

  // What a screen reader says of a value.
  ui.spoken = (value) => (value === undefined ? ui.t("value.none") : ui.number(value));

  // Every element with data-t or data-label gets its text; done again whenever the language changes.
  ui.translate = (root = document) => {
    for (const element of root.querySelectorAll("[data-t]")) element.textContent = ui.t(element.dataset.t);
    for (const element of root.querySelectorAll("[data-label]"))
      element.setAttribute("aria-label", ui.t(element.dataset.label));
  };

  // Korean if the browser asks for it, unless the file or the address says otherwise.
  ui.firstLanguage = (asked) => {
    if (asked === "ko" || asked === "en") return asked;
    if (study.data.lang) return study.data.lang;
    return (navigator.language || "en").toLowerCase().startsWith("ko") ? "ko" : "en";
  };
}
