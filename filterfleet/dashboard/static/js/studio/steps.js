// The steps of the output that is shown: a list in which each can be changed, moved and removed.

import { $, element } from "../dom.js";
import { control } from "./controls.js";

export function steps(recipe, changed) {
  const host = $("steps");
  const list = () => recipe.output.steps;

  function add(name) {
    const step = recipe.step(name);
    list().push(step);
    draw();
    changed();
    card(step).querySelector(".param input, .param select")?.focus({ preventScroll: true });
    card(step).scrollIntoView({ block: "nearest" });
  }

  function move(step, by) {
    const at = list().indexOf(step);
    const to = at + by;
    if (to < 0 || to >= list().length) return;
    list().splice(at, 1);
    list().splice(to, 0, step);
    draw();
    changed();
  }

  function remove(step) {
    const at = list().indexOf(step);
    list().splice(at, 1);
    draw();
    changed();
    (list().length ? host.children[Math.min(at, list().length - 1)] : $("filter")).focus();
  }

  const card = (step) => host.querySelector(`[data-key="${step.key}"]`);

  // Each step keeps its element, and with it the focus in it.
  function draw() {
    const focused = document.activeElement;
    const made = list().map((step) => card(step) ?? make(step));
    host.replaceChildren(...(made.length ? made : [element("li", { class: "none" }, "No steps: the picture is only encoded.")]));
    made.forEach((each, at) => {
      each.querySelector(".up").disabled = at === 0;
      each.querySelector(".down").disabled = at === made.length - 1;
    });
    if (host.contains(focused)) (focused.disabled ? focused.closest("li") : focused).focus();
  }

  function make(step) {
    const { filter } = step;
    const button = (name, label, text, run) => element("button", { class: `btn quiet square ${name}`, type: "button", "aria-label": `${label} ${filter.name}`, title: label, on: { click: run } }, text);
    const set = (name) => (value) => { step.values[name] = value; changed(); };
    const made = element("li", { class: "step", tabindex: "-1", data: { key: step.key } },
      element("div", { class: "title" }, element("h3", { title: filter.details || filter.summary }, filter.name), element("span", { class: "grow" }),
        button("up", "Up:", "↑", () => move(step, -1)), button("down", "Down:", "↓", () => move(step, 1)), button("remove", "Remove:", "×", () => remove(step))),
      element("p", { class: "soft" }, filter.summary),
      filter.parameters.flatMap((parameter) => control(`${step.key}-${parameter.name}`, parameter, step.values[parameter.name], set(parameter.name))));
    made.addEventListener("keydown", (event) => {
      const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!event.altKey || !by) return;
      event.preventDefault();
      move(step, by);
    });
    return made;
  }

  return { add, draw };
}
