// Elements: make("button", {class: "plain", onclick: f}, "text", child). Text is put in as text, never as HTML.
{
  const ui = study.ui;

  ui.make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
  };

  ui.byId = (id) => document.getElementById(id);

  // Put these children in place of the old ones; where focus was on an element with a data-focus, it stays on its like.
  ui.fill = (element, ...children) => {
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
    element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
    if (focused) element.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  };

  // Whether an element needs no drawing now: the page trains, and the element is out of view.
  const outOfView = new WeakSet();
  const watcher = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) {
      if (isIntersecting) outOfView.delete(target);
      else outOfView.add(target);
    }
  });
  ui.watch = (element) => (watcher.observe(element), element);
  ui.rests = (element) => ui.busy() && outOfView.has(element);

  // A colour of the page, by the name of its CSS variable; read anew when the theme changes.
  const colours = new Map();
  ui.colour = (name) => {
    if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
    return colours.get(name);
  };
  for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"])
    matchMedia(query).addEventListener("change", () => {
      colours.clear();
      ui.later();
    });

  // A canvas that is sharp on every screen; `size` sets its measures in CSS pixels and returns its brush.
  ui.canvas = (attributes = {}) => {
    const canvas = ui.make("canvas", attributes);
    canvas.size = (width, height) => {
      const scale = Math.max(1, Math.ceil(window.devicePixelRatio || 1));
      if (canvas.width !== width * scale || canvas.height !== height * scale) {
        [canvas.width, canvas.height] = [width * scale, height * scale];
        canvas.style.width = `${width}px`;
        canvas.style.aspectRatio = `${width} / ${height}`;
      }
      const brush = canvas.getContext("2d");
      brush.setTransform(scale, 0, 0, scale, 0, 0);
      brush.clearRect(0, 0, width, height);
      return brush;
    };
    // where a pointer is, in the measures given to `size`
    canvas.place = (event) => {
      const box = canvas.getBoundingClientRect();
      const scale = Math.max(1, Math.ceil(window.devicePixelRatio || 1));
      const [width, height] = [canvas.width / scale, canvas.height / scale];
      return [((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height];
    };
    return canvas;
  };
}
