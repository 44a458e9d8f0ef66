// The state of the page in its address, so that a link opens the same view: #digit=7&step=400&break=no-noise&lang=ko
// Every key is read by a rule of its own; what does not fit is reported and left out, and nothing is ever executed.
{
  const LONGEST = 500;

  const whole = (least, most) => ({
    read: (text) => (/^\d{1,10}$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : undefined),
    wanted: `a whole number from ${least} to ${most}`,
  });
  const number = (least, most) => ({
    read: (text) => {
      const fits = /^-?\d{1,6}(\.\d{1,6})?$/.test(text) && Number(text) >= least && Number(text) <= most;
      return fits ? Number(text) : undefined;
    },
    wanted: `a number from ${least} to ${most}`,
  });
  const oneOf = (...names) => ({
    read: (text) => names.find((name) => String(name) === text),
    wanted: `one of ${names.join(", ")}`,
  });
  const numbers = (most, largest) => ({
    read: (text) => {
      const found = text.split(",").map(number(-largest, largest).read);
      return found.length <= most && !found.includes(undefined) ? found.join(",") : undefined;
    },
    wanted: `at most ${most} numbers from -${largest} to ${largest} with commas between them`,
  });
  const entry = {
    read: (text) => (study.readEntry(text) ? study.entryText(study.readEntry(text)) : undefined),
    wanted: "an entry such as dz[0, 1]",
  };

  // key -> [what it may be, what it is where the address does not say]
  function rules() {
    const { L, H } = study.data.choices;
    return {
      lang: [oneOf("en", "ko"), study.data.lang],
      digit: [whole(0, study.digitCount - 1), 7],
      n: [oneOf(1, 4), 1],
      step: [whole(0, 5000), 0],
      trained: [oneOf(0, 1), 0],
      break: [oneOf(...study.data.breaks.map((each) => each.id)), ""],
      L: [oneOf(...L), 2],
      H: [oneOf(...H), 16],
      seed: [whole(0, 2 ** 32 - 1), study.data.seed],
      beta: [number(0, 100), 1],
      lr: [number(0.000001, 1), 0.01],
      eps: [numbers(32, 1000), ""],
      lens: [entry, ""],
      station: [whole(0, 9), 0],
    };
  }

  function defaultState() {
    return Object.fromEntries(Object.entries(rules()).map(([key, [, value]]) => [key, value]));
  }

  // {state, errors}: whole defaults, with what the address says put in.
  function readAddress(hash) {
    const [state, errors, known, seen] = [defaultState(), [], rules(), new Set()];
    const text = String(hash).replace(/^#/, "");
    if (text.length > LONGEST) return { state, errors: [study.errorOf("address-long", { most: LONGEST })] };
    for (const part of text.split("&").filter(Boolean)) {
      const [key, found] = [part.split("=")[0], decoded(part.slice(part.indexOf("=") + 1))];
      if (!part.includes("=") || !Object.hasOwn(known, key)) errors.push(study.errorOf("address-key", { key }));
      else if (seen.has(key)) errors.push(study.errorOf("address-twice", { key }));
      else {
        seen.add(key);
        const [rule] = known[key];
        const value = rule.read(found);
        if (value !== undefined) state[key] = value;
        else errors.push(study.errorOf("address-value", { key, found, wanted: rule.wanted }));
      }
    }
    return { state, errors };
  }

  // As browsers write it, %5B for a bracket; as it stands where that cannot be decoded.
  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  // "#digit=7&break=no-noise": what differs from the defaults. "" if nothing does.
  function writeAddress(state) {
    const usual = defaultState();
    const parts = Object.keys(usual)
      .filter((key) => state[key] !== undefined && state[key] !== usual[key])
      .map((key) => `${key}=${encodeURIComponent(state[key])}`);
    return parts.length ? `#${parts.join("&")}` : "";
  }

  Object.assign(study, { readAddress, writeAddress, defaultState });
}
