// From text that somebody typed to a tree, in the language of npvae/pages/README.md. Nothing typed is ever executed:
// what is not in the language is refused here, and only trees go on to the loops.
//
//     choice   = either ["if" either "else" choice]
//     either   = both {"or" both}            both = opposite {"and" opposite}
//     opposite = "not" opposite | comparison
//     comparison = sum {("<" | "<=" | ">" | ">=" | "==" | "!=") sum}
//     sum      = product {("+" | "-") product}
//     product  = signed {("*" | "/" | "//" | "%") signed}
//     signed   = "-" signed | power          power = atom ["**" signed]
//     atom     = number | name | name "[" choice {"," choice} "]" | name "(" ... ")" | "(" choice ")"
{
  const LONGEST = 500, DEEPEST = 40;
  const TOKEN = /\s*(?:(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)|([A-Za-z][A-Za-z0-9_]*)|(\*\*|\/\/|<=|>=|==|!=|[-+*/%<>()[\],=]))/y;
  const COMPARISONS = ["<", "<=", ">", ">=", "==", "!="];
  const ARGUMENTS = { exp: 1, log: 1, sqrt: 1, tanh: 1, abs: 1, lgamma: 1, digamma: 1, int: 1, max: 2, min: 2 };
  const OVER = ["sum", "max", "min"];
  const WORDS = ["if", "else", "for", "in", "and", "or", "not"];
  const NO_NAMES = [...Object.keys(ARGUMENTS), ...OVER, ...WORDS, "range"];
  const START = ["number", "0", [], [0, 0]]; // of a range that does not say where it begins

  class Refused extends Error {
    constructor(code, column, values = {}) {
      super(code);
      Object.assign(this, { code, column: column + 1, values });
    }
  }

  // [{kind: "number" | "name" | "sign" | "end", text, from, to}]
  function tokensOf(text) {
    if (text.length > LONGEST) throw new Refused("too-long", LONGEST, { most: LONGEST });
    const wrong = /[^ -~]/.exec(text);
    if (wrong) throw new Refused("letter", wrong.index, { found: wrong[0] });
    const tokens = [];
    TOKEN.lastIndex = 0;
    const end = text.trimEnd().length;
    for (let at = 0; at < end; at = TOKEN.lastIndex) {
      TOKEN.lastIndex = at;
      const found = TOKEN.exec(text);
      if (!found) {
        const place = at + /^\s*/.exec(text.slice(at))[0].length;
        throw new Refused("letter", place, { found: text[place] });
      }
      const word = found[1] ?? found[2] ?? found[3];
      const to = TOKEN.lastIndex;
      const kind = found[1] ? "number" : found[2] ? "name" : "sign";
      if (kind === "number" && (/^0\d/.test(word) || /[\w.]/.test(text[to] ?? ""))) {
        throw new Refused("number", to - word.length, { found: /^[\w.]+/.exec(text.slice(to - word.length))[0] });
      }
      tokens.push({ kind, text: word, from: to - word.length, to });
    }
    return [...tokens, { kind: "end", text: "", from: end, to: end }];
  }

  // Each method reads one rule from the next token on, and gives {tree, from, to}: a tree and its place with its
  // parentheses. `known` are the indices that are bound where it stands.
  class Parser {
    constructor(text) {
      this.tokens = tokensOf(text);
      this.next = 0;
      this.depth = 0;
    }

    get token() {
      return this.tokens[this.next];
    }

    take(...texts) {
      const { token } = this;
      if (token.kind === "number" || token.kind === "end" || !texts.includes(token.text)) return null;
      this.next++;
      return token;
    }

    expect(text) {
      return this.take(text) ?? this.refuse("expected", { wanted: text });
    }

    refuse(code, values = {}, token = this.token) {
      throw new Refused(code, token.from, { found: token.text, ...values });
    }

    number(found) {
      if (isCondition(found.tree)) throw new Refused("number-needed", found.from);
      return found;
    }

    condition(found) {
      if (!isCondition(found.tree)) throw new Refused("condition-needed", found.from);
      return found;
    }

    choice(known) {
      if (++this.depth > DEEPEST) this.refuse("too-deep", { most: DEEPEST });
      let found = this.either(known);
      if (this.take("if")) {
        const then = this.number(found);
        const test = this.condition(this.either(known));
        this.expect("else");
        const otherwise = this.number(this.choice(known));
        found = join("if", "if", [test.tree, then.tree, otherwise.tree], then.from, otherwise.to);
      }
      this.depth--;
      return found;
    }

    either(known) {
      return this.conditions("or", () => this.both(known));
    }

    both(known) {
      return this.conditions("and", () => this.opposite(known));
    }

    conditions(word, rule) {
      const found = [rule()];
      while (this.take(word)) found.push(rule());
      if (found.length === 1) return found[0];
      const trees = found.map((each) => this.condition(each).tree);
      return join("logic", word, trees, found[0].from, found.at(-1).to);
    }

    opposite(known) {
      const not = this.take("not");
      if (!not) return this.comparison(known);
      if (++this.depth > DEEPEST) this.refuse("too-deep", { most: DEEPEST });
      const found = this.condition(this.opposite(known));
      this.depth--;
      return join("logic", "not", [found.tree], not.from, found.to);
    }

    comparison(known) {
      const found = [this.sum(known)];
      const signs = [];
      for (let sign = this.take(...COMPARISONS); sign; sign = this.take(...COMPARISONS)) {
        signs.push(sign.text);
        found.push(this.sum(known));
      }
      if (!signs.length) return found[0];
      const trees = found.map((each) => this.number(each).tree);
      return join("compare", signs.join(" "), trees, found[0].from, found.at(-1).to);
    }

    sum(known) {
      return this.chain(["+", "-"], () => this.product(known));
    }

    product(known) {
      return this.chain(["*", "/", "//", "%"], () => this.signed(known));
    }

    chain(signs, rule) {
      let left = rule();
      for (let sign = this.take(...signs); sign; sign = this.take(...signs)) {
        const right = this.number(rule());
        left = join("binary", sign.text, [this.number(left).tree, right.tree], left.from, right.to);
      }
      return left;
    }

    signed(known) {
      const minus = this.take("-");
      if (!minus) return this.power(known);
      if (++this.depth > DEEPEST) this.refuse("too-deep", { most: DEEPEST });
      const found = this.number(this.signed(known));
      this.depth--;
      return join("negative", "-", [found.tree], minus.from, found.to);
    }

    power(known) {
      const base = this.atom(known);
      if (!this.take("**")) return base;
      const exponent = this.number(this.signed(known));
      return join("binary", "**", [this.number(base).tree, exponent.tree], base.from, exponent.to);
    }

    atom(known) {
      const token = this.token;
      const open = this.take("(");
      if (open) {
        const inside = this.choice(known);
        return { tree: inside.tree, from: open.from, to: this.expect(")").to };
      }
      if (token.kind === "sign" || token.kind === "end" || WORDS.includes(token.text)) this.refuse("value-needed");
      this.next++;
      if (token.kind === "number") return join("number", token.text, [], token.from, token.to);
      if (this.take("(")) return this.call(token, known);
      if (NO_NAMES.includes(token.text)) this.refuse("not-a-number", {}, token);
      if (!this.take("[")) return join("name", token.text, [], token.from, token.to);
      const indices = this.list(known);
      return join("entry", token.text, indices, token.from, this.expect("]").to);
    }

    // One or more expressions with commas between them.
    list(known) {
      const trees = [this.number(this.choice(known)).tree];
      while (this.take(",")) trees.push(this.number(this.choice(known)).tree);
      return trees;
    }

    // After "name(": arguments, or a term and the ranges that it is summed over.
    call(name, known) {
      if (!Object.hasOwn(ARGUMENTS, name.text) && !OVER.includes(name.text)) this.refuse("function", {}, name);
      const again = this.next;
      if (OVER.includes(name.text)) {
        const bound = this.indicesAhead(known);
        if (bound) return this.over(name, known, bound);
        this.next = again;
      }
      const wanted = ARGUMENTS[name.text];
      if (!wanted) this.refuse("sum-without-index", {}, name);
      const trees = this.list(known);
      const close = this.expect(")");
      if (trees.length !== wanted && !(wanted === 2 && trees.length > 2)) {
        this.refuse("arguments", { count: trees.length, wanted }, name);
      }
      return join("call", name.text, trees, name.from, close.to);
    }

    // The indices of the `for`s of the bracket that has just been opened; null if it has none.
    indicesAhead(known) {
      const bound = [];
      for (let [k, depth] = [this.next, 1]; depth > 0 && this.tokens[k].kind !== "end"; k++) {
        const { text } = this.tokens[k];
        if ("([".includes(text)) depth++;
        else if (")]".includes(text)) depth--;
        else if (text === "for" && depth === 1) bound.push(this.tokens[k + 1].text);
      }
      return bound.length ? [...known, ...bound] : null;
    }

    over(name, outer, all) {
      const term = this.number(this.choice(all));
      const ranges = [];
      let known = outer;
      while (this.take("for")) {
        const index = this.token;
        if (index.kind !== "name" || NO_NAMES.includes(index.text)) this.refuse("index-needed");
        if (known.includes(index.text)) this.refuse("index-taken");
        this.next++;
        this.expect("in");
        this.expect("range");
        this.expect("(");
        const ends = this.list(known);
        const close = this.expect(")");
        if (ends.length > 2) this.refuse("range", {}, index);
        known = [...known, index.text];
        const parts = ends.length === 1 ? [START, ...ends] : ends;
        while (this.take("if")) parts.push(this.condition(this.either(known)).tree);
        ranges.push(["range", index.text, parts, [index.from, close.to]]);
      }
      return join("over", name.text, [term.tree, ...ranges], name.from, this.expect(")").to);
    }
  }

  function join(kind, value, parts, from, to) {
    return { tree: [kind, value, parts, [from, to]], from, to };
  }

  function isCondition([kind]) {
    return kind === "compare" || kind === "logic";
  }

  function depthOf([, , parts]) {
    return 1 + Math.max(0, ...parts.map(depthOf));
  }

  // {tree} of the right side of an equation whose left side has these indices, or {error}.
  function parse(text, indices = []) {
    try {
      const parser = new Parser(String(text));
      if (parser.token.kind === "end") parser.refuse("empty");
      const { tree } = parser.number(parser.choice(indices));
      if (parser.token.kind !== "end") parser.refuse("unexpected");
      if (depthOf(tree) > DEEPEST) throw new Refused("too-deep", 0, { most: DEEPEST });
      return { tree };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { error: study.errorOf(error.code, error.values, error.column) };
    }
  }

  Object.assign(study, { parse });
}
