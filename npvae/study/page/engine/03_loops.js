// The first of two ways to compute an equation: its tree becomes JavaScript, loops over the indices of its left side.
//
//     dz[n, l] = sum(da2[n, h] * W3[l, h] for h in range(H))
//
// becomes the text of a function, which `new Function` compiles:
//
//     for (let n = 0; n < N; n++)
//     for (let l = 0; l < L; l++) {
//     let sum1 = 0;
//     for (let h = 0; h < H; h++) {
//     sum1 += da2[n * H + h] * W3[l * H + h];
//     }
//     dz[n * L + l] = sum1;
//     }
//
// No name of the language begins with _, so those of the function's own arguments do.
// All values are Float64Arrays, row by row; a value without indices is an array of one number.
{
  const TIGHTER = { "+": 1, "-": 1, "*": 2, "/": 2 }; // what binds more tightly has the larger number
  const CHOICE = 0, UNARY = 3, ATOM = 4;
  const START = { sum: "0", max: "-Infinity", min: "Infinity" };

  // Writes one equation. axesOf(name) gives the sizes along a value's axes, by symbol.
  class Writer {
    constructor(line, axesOf) {
      this.line = line;
      this.axesOf = axesOf;
      this.names = new Set([line.name]); // values that the function needs
      this.sizes = new Set(); // sizes that it needs
      this.temporaries = 0;
    }

    source() {
      const { line } = this;
      const bound = new Map(line.indices.map((index, k) => [index, line.shape[k]]));
      const body = [];
      const right = this.number(line.tree, bound, body);
      const loops = line.indices.map((index, k) => `for (let ${index} = 0; ${index} < ${this.size(line.shape[k])}; ${index}++)`);
      const target = this.place(line.name, line.shape, line.indices);
      const prologue = [
        `const { ${[...this.names].join(", ")} } = _values;`,
        `const { ${[...this.sizes].join(", ")} } = _sizes;`,
        `const { ${Object.keys(study.functions).join(", ")} } = _functions;`,
      ];
      return [...prologue, `${loops.join("\n")} {`, ...body, `${target} = ${right.text};`, "}"].join("\n");
    }

    size(symbol) {
      this.sizes.add(symbol);
      return symbol;
    }

    // An entry in a flat array: W3[l * H + h].
    place(name, axes, indices) {
      this.names.add(name);
      const flat = indices.reduce((before, index, k) => (k ? `${bracketed(before)} * ${this.size(axes[k])} + ${index}` : index), "0");
      return `${name}[${flat}]`;
    }

    // The text of what has a number as its value, and how tightly it binds. What must run before goes into `body`.
    number(tree, bound, body) {
      const [kind, value, parts] = tree;
      const inside = study.insideLogOnePlusExp(tree);
      if (inside) return atom(`logOnePlusExp(${this.number(inside, bound, body).text})`);
      if (kind === "number") return atom(String(Number(value)));
      if (kind === "name") return atom(this.name(value, bound));
      if (kind === "entry") return atom(this.entry(tree, bound, body));
      if (kind === "call") return atom(`${value}(${parts.map((part) => this.number(part, bound, body).text).join(", ")})`);
      if (kind === "negative") return { text: `-${this.atLeast(ATOM, parts[0], bound, body)}`, binds: UNARY };
      if (kind === "binary") return this.binary(value, parts, bound, body);
      if (kind === "if") return this.choice(parts, bound, body);
      return atom(this.over(value, parts, bound, body));
    }

    atLeast(binds, tree, bound, body) {
      const found = this.number(tree, bound, body);
      return found.binds < binds ? `(${found.text})` : found.text;
    }

    name(value, bound) {
      if (bound.has(value)) return value;
      if (value === "pi") return "Math.PI";
      if (/^[A-Z]$/.test(value)) return this.size(value);
      this.names.add(value);
      return `${value}[0]`;
    }

    entry([, name, indices], bound, body) {
      const axes = this.axesOf(name);
      const texts = indices.map((tree, k) => {
        const { text } = this.number(tree, bound, body);
        const fits = tree[0] === "name" && bound.get(tree[1]) === axes[k]; // an index that runs over this very axis
        return fits ? text : `within(${text}, ${this.size(axes[k])})`;
      });
      return this.place(name, axes, texts);
    }

    binary(sign, parts, bound, body) {
      if (sign in TIGHTER) {
        const binds = TIGHTER[sign];
        const [left, right] = [this.atLeast(binds, parts[0], bound, body), this.atLeast(binds + 1, parts[1], bound, body)];
        return { text: `${left} ${sign} ${right}`, binds };
      }
      const [a, b] = parts.map((part) => this.number(part, bound, body).text);
      return atom({ "**": `Math.pow(${a}, ${b})`, "//": `Math.floor((${a}) / (${b}))`, "%": `modulo(${a}, ${b})` }[sign]);
    }

    condition([kind, value, parts], bound, body) {
      if (kind === "compare") {
        const sides = parts.map((part) => this.atLeast(1, part, bound, body));
        const signs = value.split(" ").map((sign) => ({ "==": "===", "!=": "!==" })[sign] || sign);
        return signs.map((sign, k) => `${sides[k]} ${sign} ${sides[k + 1]}`).join(" && ");
      }
      const texts = parts.map((part) => `(${this.condition(part, bound, body)})`);
      return value === "not" ? `!${texts[0]}` : texts.join(value === "and" ? " && " : " || ");
    }

    // Only the branch that is taken may be computed; a sum in it needs statements of its own.
    choice([test, then, otherwise], bound, body) {
      const condition = this.condition(test, bound, body);
      const branches = [then, otherwise].map((tree) => {
        const before = [];
        return { text: this.atLeast(CHOICE + 1, tree, bound, before), before };
      });
      if (branches.every((branch) => !branch.before.length)) {
        return { text: `${condition} ? ${branches[0].text} : ${branches[1].text}`, binds: CHOICE };
      }
      const name = `choice${++this.temporaries}`;
      const blocks = branches.map((branch) => [...branch.before, `${name} = ${branch.text};`].join("\n"));
      body.push(`let ${name};`, `if (${condition}) {\n${blocks[0]}\n} else {\n${blocks[1]}\n}`);
      return atom(name);
    }

    // sum, max or min over one index or several: a variable, and loops that add to it.
    over(kind, [term, ...ranges], bound, body) {
      const name = `${kind}${++this.temporaries}`;
      const inner = new Map(bound);
      let [open, close, level] = [[], [], []];
      for (const [, index, [first, end, ...conditions]] of ranges) {
        const [from, to] = [first, end].map((tree) => this.number(tree, inner, level).text);
        inner.set(index, first[1] === "0" && end[0] === "name" ? end[1] : null);
        open.push(...level, `for (let ${index} = ${from}; ${index} < ${to}; ${index}++) {`);
        level = [];
        close.push("}");
        for (const condition of conditions) {
          const text = this.condition(condition, inner, level);
          open.push(...level, `if (${text}) {`);
          level = [];
          close.push("}");
        }
      }
      const text = this.number(term, inner, level).text;
      const add = kind === "sum" ? `${name} += ${text};` : `${name} = ${kind}(${name}, ${text});`;
      body.push(`let ${name} = ${START[kind]};`, ...open, ...level, add, ...close);
      return name;
    }
  }

  function atom(text) {
    return { text, binds: ATOM };
  }

  function bracketed(text) {
    return /^[A-Za-z]\w*$/.test(text) ? text : `(${text})`;
  }

  // The JavaScript of one line, as text.
  function sourceOf(line, axesOf = study.axesOf) {
    return new Writer(line, axesOf).source();
  }

  // One line as a function of (values by name, sizes by symbol), which writes into values[line.name].
  function compile(line, axesOf = study.axesOf) {
    const run = new Function("_values", "_sizes", "_functions", sourceOf(line, axesOf));
    return (values, sizes) => run(values, sizes, study.functions);
  }

  Object.assign(study, { sourceOf, compile });
}
