// Random numbers that are the same again from the same seed.
{
  // Each use has a stream of its own, so that one more number drawn here changes none drawn there.
  const STREAMS = { weights: 1, order: 2, noise: 3, again: 4, check: 5, direction: 6, shown: 7 };

  // Numbers from 0 to 1, without 1: mulberry32 (Tommy Ettinger, 2017), 32 bits of state.
  function generator(seed, stream) {
    let state = Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(STREAMS[stream], 0x85ebca6b);
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
  }

  // Fills an array with draws from N(0, 1): Box & Muller (1958).
  function fillWithNormals(array, random) {
    for (let i = 0; i < array.length; i++) {
      array[i] = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    }
    return array;
  }

  // The whole numbers below n in a random order: Fisher & Yates.
  function shuffled(n, random) {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }

  // n draws from N(0, 1) for what the reader sees, by seed.
  function noise(seed, n) {
    return fillWithNormals(new Float64Array(n), generator(seed, "shown"));
  }

  Object.assign(study, { generator, fillWithNormals, shuffled, noise });
}
