// A control for each kind of parameter. Its range and its unit are those of the catalogue.

import { element, say, toast } from "../dom.js";
import { base64 } from "./opening.js";

const TICKS = 1000; // of a slider
const WIDE = 300; // a range that is wider rises slowly at its beginning

// A number that a browser would write otherwise than the recipe does comes as {number: TEXT}, and stays that until it changes.
const plain = (value) => (Array.isArray(value) ? value.map(plain) : value?.number === undefined ? value : Number(value.number));

export function control(id, parameter, value, set) {
  const make = { integer: range, number: range, boolean, choice, color, picture, numbers }[parameter.kind] ?? line;
  const wrong = element("p", { class: "wrong-value", id: `${id}-wrong`, role: "status" });
  return [element("div", { class: `param ${parameter.kind}` },
    element("label", { for: id, title: parameter.takes }, parameter.name, parameter.unit && element("small", {}, parameter.unit)),
    make(id, { ...parameter, initial: plain(value) }, set, judge(wrong, parameter))), wrong];
}

const article = (noun) => (/^[aeiou]/.test(noun) ? "an " : /^[a-z]/.test(noun) ? "a " : "");

// Says below a field what it takes, as long as it has something else.
const judge = (wrong, { takes }) => (box, isRight) => {
  const problem = isRight ? "" : `This takes ${article(takes)}${takes}.`;
  box.setCustomValidity(problem);
  box.setAttribute("aria-invalid", String(!isRight));
  box.setAttribute("aria-describedby", wrong.id);
  say(wrong, problem);
};

function range(id, { kind, minimum, maximum, odd, initial, takes, name }, set, right) {
  const span = maximum - minimum;
  const power = minimum >= -1 && span > WIDE ? 3 : 1;
  const whole = kind === "integer";
  const step = odd ? 2 : 1;
  const legal = (value) => {
    const inside = Math.min(maximum, Math.max(minimum, value));
    if (!whole) return inside;
    const from = odd && minimum % 2 === 0 ? minimum + 1 : minimum;
    const found = from + Math.round((inside - from) / step) * step;
    return found > maximum ? found - step : found;
  };
  const valueAt = (tick) => {
    const value = minimum + span * (tick / TICKS) ** power;
    return legal(whole ? value : Number(value.toPrecision(3)));
  };
  const tickOf = (value) => Math.round(TICKS * ((value - minimum) / span) ** (1 / power));
  const slider = element("input", { type: "range", min: 0, max: TICKS, value: span ? tickOf(initial) : 0, "aria-label": `${name}, slider`, tabindex: "-1" });
  const box = element("input", { type: "number", id, min: minimum, max: maximum, step: whole ? step : "any", value: initial, title: takes, inputmode: "decimal" });
  const said = () => slider.setAttribute("aria-valuetext", box.value); // and not the tick
  said();
  slider.addEventListener("input", () => { box.value = valueAt(Number(slider.value)); said(); right(box, true); set(Number(box.value)); });
  box.addEventListener("input", () => {
    const value = box.valueAsNumber;
    const isLegal = Number.isFinite(value) && legal(value) === value;
    right(box, isLegal);
    if (!isLegal) return;
    slider.value = tickOf(value);
    said();
    set(value);
  });
  return [slider, box];
}

function boolean(id, { initial }, set) {
  const box = element("input", { type: "checkbox", id, checked: initial });
  box.addEventListener("change", () => set(box.checked));
  return box;
}

function choice(id, { choices, initial }, set) {
  const box = element("select", { id }, choices.map((each) => element("option", { value: each, selected: each === initial }, each)));
  box.addEventListener("change", () => set(box.value));
  return box;
}

function color(id, { initial, word, takes, name }, set) {
  const isColor = (text) => /^#[0-9a-f]{6}$/i.test(text);
  const swatch = element("input", { type: "color", id: word ? null : id, value: isColor(initial) ? initial : "#808080", "aria-label": word ? `${name}, colours` : null });
  swatch.addEventListener("input", () => { if (word) box.value = swatch.value; set(swatch.value); });
  if (!word) return swatch;
  const box = element("input", { type: "text", id, value: initial, title: takes, autocomplete: "off", spellcheck: "false" });
  box.addEventListener("input", () => { if (isColor(box.value)) swatch.value = box.value; set(box.value); });
  return [box, swatch];
}

function line(id, { initial, most }, set) {
  const box = element("input", { type: "text", id, value: initial ?? "", maxlength: most, autocomplete: "off" });
  box.addEventListener("input", () => set(box.value));
  return box;
}

// Lists and matrices of numbers, as JSON and TOML write them.
function numbers(id, { initial, takes }, set, right) {
  const box = element("input", { type: "text", id, value: JSON.stringify(initial), title: takes, autocomplete: "off", spellcheck: "false" });
  box.addEventListener("input", () => {
    let value = null;
    try { value = JSON.parse(box.value); } catch { /* it is being written */ }
    right(box, value !== null);
    if (value !== null) set(value);
  });
  return box;
}

const PICTURE = 63 << 10; // bytes: what a recipe of 64 KiB has room for

function picture(id, { initial, takes }, set) {
  const name = element("small", {}, initial?.file ?? "none yet");
  const box = element("input", { type: "file", id, accept: "image/png,image/jpeg,image/webp", title: takes });
  box.addEventListener("change", async () => {
    const [file] = box.files;
    if (!file) return;
    if (file.size > PICTURE) { toast(`${file.name} is too large for a recipe: ${PICTURE >> 10} KiB at most.`, true); return; }
    try {
      set({ file: file.name, data: await base64(file) });
      say(name, file.name);
    } catch (error) {
      toast(error.message, true);
    }
  });
  return element("div", {}, box, name);
}
