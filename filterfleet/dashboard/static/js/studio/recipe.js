// The recipe: its outputs, of which one is shown, and what holds for all of them. It knows no element of the page.

let keys = 0;

export function recipe() {
  const filters = new Map();
  const made = { name: "recipe.toml", metadata: "strip-gps", damaged: "refuse", auto_orient: true, outputs: [output({ name: "result" })], shown: 0 };
  let kept = null; // as it was opened or saved

  function output({ name, steps = [], encoding = "same", quality = 90, options = "" }) {
    return { name, steps: steps.map(({ filter, values }) => step(filter, values)), encoding, quality, options };
  }

  // given: what a recipe says of its own accord, and has to go on saying though it may be the default.
  function step(name, values = null) {
    const filter = filters.get(name) ?? { name, summary: "Its values stay as they are: this page has no controls for them.", parameters: [] };
    const begun = filter.parameters.map((each) => [each.name, values ? each.default : each.initial]);
    return { key: ++keys, filter, values: { ...Object.fromEntries(begun), ...values }, given: new Set(Object.keys(values ?? {})) };
  }

  const asked = () => ({
    metadata: made.metadata, damaged: made.damaged, auto_orient: made.auto_orient, shown: made.shown,
    outputs: made.outputs.map(({ name, steps, encoding, quality, options }) => ({ name, encoding, quality, options, steps: steps.map(plain) })),
  });
  const text = () => JSON.stringify({ ...asked(), shown: 0 });
  const free = () => {
    const names = new Set(made.outputs.map(({ name }) => name));
    for (let number = 2; ; number++) if (!names.has(`result-${number}`)) return `result-${number}`;
  };

  return {
    made,
    asked,
    step,
    get output() { return made.outputs[made.shown]; },
    know(found) { for (const filter of found) filters.set(filter.name, filter); },
    open(name, { outputs, ...rest }) {
      Object.assign(made, rest, { name, outputs: outputs.map(output), shown: 0 });
      kept = text();
    },
    add() {
      made.outputs.push(output({ name: free() }));
      made.shown = made.outputs.length - 1;
    },
    remove() {
      made.outputs.splice(made.shown, 1);
      made.shown = Math.min(made.shown, made.outputs.length - 1);
    },
    keep() { kept = text(); },
    get isChanged() { return kept === null ? made.outputs.length > 1 || made.outputs[0].steps.length > 0 : kept !== text(); },
  };
}

// Only what differs from the defaults, or was given: the recipe stays as short as people write it.
function plain({ filter, values, given }) {
  const usual = new Map(filter.parameters.map((each) => [each.name, JSON.stringify(each.default)]));
  const said = Object.entries(values).filter(([name, value]) => given.has(name) || usual.get(name) !== JSON.stringify(value));
  return { filter: filter.name, values: Object.fromEntries(said) };
}
