// The outputs of the recipe: which one is shown, its name, its encoding and its other options; and what holds for all.

import { $, element, say } from "../dom.js";

const MOST = 64; // outputs of a recipe

export function outputs(recipe, shown, changed) {
  const { made } = recipe;

  function draw() {
    $("outputs").replaceChildren(...made.outputs.map((each, at) => element("label", {},
      element("input", { type: "radio", name: "output", value: at, checked: at === made.shown }), element("span", {}, each.name || "unnamed"))));
    const { name, encoding, quality, options } = recipe.output;
    $("name").value = name;
    $("encoding").value = encoding;
    $("quality").value = quality;
    say($("quality-value"), String(quality));
    $("options").value = options;
    if (options) $("more").open = true;
    $("metadata").value = made.metadata;
    $("damaged").value = made.damaged;
    $("auto-orient").checked = made.auto_orient;
    say($("recipe-name"), made.name);
    $("add-output").disabled = made.outputs.length >= MOST;
    $("remove-output").disabled = made.outputs.length < 2;
  }

  function choose(at) {
    made.shown = at;
    draw();
    shown();
  }

  const current = () => $("outputs").querySelector("input:checked");

  $("outputs").addEventListener("change", ({ target }) => { choose(Number(target.value)); current().focus(); });
  $("add-output").addEventListener("click", () => { recipe.add(); choose(made.shown); $("name").focus(); $("name").select(); });
  $("remove-output").addEventListener("click", () => { recipe.remove(); choose(made.shown); current().focus(); });
  const set = (id, event, take) => $(id).addEventListener(event, () => { take($(id)); changed(); });
  set("name", "input", ({ value }) => {
    recipe.output.name = value;
    say(current().nextSibling, value || "unnamed");
  });
  set("encoding", "change", ({ value }) => { recipe.output.encoding = value; });
  set("quality", "input", ({ value }) => { recipe.output.quality = Number(value); say($("quality-value"), value); });
  set("options", "input", ({ value }) => { recipe.output.options = value; });
  set("metadata", "change", ({ value }) => { made.metadata = value; });
  set("damaged", "change", ({ value }) => { made.damaged = value; });
  set("auto-orient", "change", ({ checked }) => { made.auto_orient = checked; });

  return { draw };
}
