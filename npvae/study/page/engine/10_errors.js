// What can be wrong with a typed line or an address, by code: {code, column, values, message}. The page translates by
// code; `message` says it in English.
{
  const errorCodes = {
    empty: "nothing was typed",
    letter: "`{found}` is not in the language: names and signs are plain ASCII",
    number: "`{found}` is no number of the language: write 2, 0.5 or 1e-8",
    expected: "expected `{wanted}`, found `{found}`",
    unexpected: "the line should end before `{found}`",
    "value-needed": "expected a number or a name, found `{found}`",
    "not-a-number": "`{found}` is not the name of a number",
    "number-needed": "a condition is true or false: write `1 if a > 0 else 0`",
    "condition-needed": "expected a condition: write a comparison, as in a1[n, h] > 0",
    function: "`{found}` is not a function of the language: it has exp, log, sqrt, tanh, abs, max, min and sum",
    arguments: "`{found}` has {count} arguments, expected {wanted}",
    "sum-without-index": "a sum runs over an index: sum(dz[n, l] for l in range(L))",
    "index-needed": "a sum runs over an index, found `{found}`: write for l in range(L)",
    "index-taken": "`{found}` is taken already: use another letter for this index",
    range: "write range(L), or range(1, L) to leave out the first",
    "too-long": "a line has at most {most} characters",
    "too-deep": "this is nested too deeply: at most {most} levels",
    "unknown-name": "nothing is called `{found}`",
    indices: "`{found}` has {wanted} indices, here {count}",
    "not-yet": "`{found}` is computed later than this line",
    index: "`{found}` cannot stand in an index or a range: only indices, sizes, whole numbers, +, - and *",
    "sum-in-sum": "write one sum over two indices instead of a sum in a sum",
    "too-much-work": "this sum has too many terms: at most {most} in a batch",
    "address-long": "the address has more than {most} characters",
    "address-key": "the address names `{key}`, which the page does not know",
    "address-value": "`{key}` is `{found}` in the address, expected {wanted}",
    "address-twice": "the address names `{key}` twice",
  };

  function errorOf(code, values = {}, column = 0) {
    const message = errorCodes[code].replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
    return { code, column, values, message };
  }

  Object.assign(study, { errorCodes, errorOf });
}
