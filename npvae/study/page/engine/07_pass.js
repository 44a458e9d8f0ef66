// One forward and one backward of a few digits, line by line: what the ledger shows.
{
  class Pass {
    constructor(run, { x, eps }) {
      this.model = run;
      this.N = x.length / 64;
      this.sizes = study.sizesOf(this.N, run.H, run.L);
      this.program = run.program;
      this.lines = run.lines;
      this.given = { ...run.params, x, eps, eps_again: new Float64Array(eps.length), beta: new Float64Array(1) };
      this.again = study.generator(run.seed, "again");
      this.clear();
    }

    // Nothing is computed any more: a dash everywhere.
    clear() {
      this.done = 0;
      this.given.beta[0] = this.model.beta;
      study.fillWithNormals(this.given.eps_again, this.again);
      this.values = { ...study.emptyValues(this.sizes), ...this.given };
    }

    // Computes the next line; its id, or null if all are done.
    step() {
      const line = this.program[this.done];
      if (!line) return null;
      line.run(this.values, this.sizes);
      this.done++;
      return line.id;
    }

    run() {
      while (this.step());
      return this;
    }

    isDone(id) {
      if (study.kindOf(id) !== "line") return true;
      const place = this.program.findIndex((line) => line.id === id);
      return place < this.done;
    }

    shape(name) {
      return study.shapeOf(name, this.sizes);
    }

    // A flat array, row by row; undefined for a value that was not computed yet.
    array(name) {
      return this.isDone(name) ? this.values[name] : undefined;
    }

    // One entry; undefined for one that was not computed yet.
    value(name, at) {
      if (study.kindOf(name) === "size") return this.sizes[name];
      return this.isDone(name) ? this.values[name][study.placeOf(at, this.shape(name))] : undefined;
    }

    // What the names in the trees of this pass stand for, at these indices; for study.valueOf.
    scope(at = {}) {
      const read = (name, place) => this.values[name][study.placeOf(place, this.shape(name))] ?? NaN;
      return { at, sizes: this.sizes, read };
    }

    // All values after `change` was added to one along a direction, with all forward lines below it computed anew.
    // via: through this line alone, which sees the changed value while the others see the old one.
    valuesWith(name, direction, change, via = "") {
      const values = { ...this.values };
      for (const line of study.forwardLines) {
        if (line.kind !== "size") values[line.name] = this.values[line.name].slice();
      }
      const old = this.values[name];
      const moved = old.map((value, i) => value + change * direction[i]);
      let reached = study.kindOf(name) !== "line";
      if (reached && !via) values[name] = moved;
      for (const line of this.program) {
        if (study.lineOf[line.id].section !== "Forward") break;
        if (reached) {
          values[name] = via && line.id !== via ? old : moved;
          line.run(values, this.sizes);
        } else if (line.id === name) {
          reached = true;
          values[name] = moved;
        }
      }
      return values;
    }
  }

  function createPass(run, given) {
    return new Pass(run, given);
  }

  Object.assign(study, { createPass });
}
