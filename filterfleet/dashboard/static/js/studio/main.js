// Puts the studio together: what is chosen is tried at once, and the newest choice is the one that is shown.

import { ask, complain, order } from "../api.js";
import { $, element, say, toast, visibleLines } from "../dom.js";
import { isRecipe, openFiles, openShipped } from "./opening.js";
import { outputs } from "./outputs.js";
import { photograph } from "./photograph.js";
import { picture } from "./picture.js";
import { recipe as fresh } from "./recipe.js";
import { steps } from "./steps.js";
import { text } from "./text.js";
import { trying } from "./trying.js";

const recipe = fresh();
const write = () => order("studio/write", { recipe: recipe.asked() });
const show = picture();
const showText = text(write, recipe);
const photo = photograph(show, () => again());
const changed = () => { wrong(""); again(); };
const list = steps(recipe, changed);
const tabs = outputs(recipe, () => { list.draw(); again(); }, changed);
const ready = catalogue(); // what is opened, dropped or tried before, waits for it

const again = trying(async (isNewest) => {
  await ready;
  const { found, full } = photo;
  const isWanted = () => isNewest() && photo.found?.id === found?.id;
  const began = performance.now();
  try {
    if (!found) {
      const { toml } = await write();
      if (isWanted()) { showText(toml); show.right(); }
      return;
    }
    const result = await order("studio/try", { photo: found.id, recipe: recipe.asked(), full });
    if (!isWanted()) return;
    const isShown = await show.result(found, result, { full, waited: performance.now() - began, isWanted });
    if (isShown) showText(result.toml);
  } catch (error) {
    if (error.status === 409 || !isWanted()) return;
    if (error.status === 410) await photo.again();
    else show.failed(error.message);
  }
});

// What is wrong with a recipe that was to be opened stands above the one that stays.
function wrong(sentences) {
  say($("wrong"), visibleLines(sentences));
  $("wrong").hidden = !sentences;
}

const mayReplace = () => !recipe.isChanged || confirm("This recipe has changes that you have not saved. Open another one in its place?");

async function open(name, look) {
  await ready;
  if (!mayReplace()) return;
  try {
    const { answer, rest, isWritten } = await look();
    recipe.open(name, answer.recipe);
    tabs.draw();
    list.draw();
    changed();
    if (isWritten) toast(`${name} is open. Its comments will not be in what you save.`);
    if (rest) photo.take(rest);
  } catch (error) {
    wrong(error.message.split("\n").map((each) => `${name}: ${each}`).join("\n"));
    $("wrong").scrollIntoView({ block: "nearest" });
  }
}

function receive(files) {
  const file = files.find(isRecipe);
  if (file) open(file.name, async () => ({ ...(await openFiles(files)), isWritten: /^\s*#/m.test(await file.text()) }));
  else photo.take(files[0]);
}

function pick() {
  const files = [...$("open").files];
  $("open").value = "";
  if (files.some(isRecipe)) receive(files);
  else if (files.length) complain(new Error("A recipe is a file that ends in .toml: choose that one, and the pictures that it needs."));
}

$("open").addEventListener("change", pick);
$("shipped").addEventListener("change", ({ target }) => {
  const { value } = target;
  target.value = "";
  open(`${value}.toml`, async () => ({ answer: await openShipped(value) }));
});
addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
addEventListener("dragleave", () => $("drop").classList.remove("over"));
addEventListener("drop", (event) => { event.preventDefault(); $("drop").classList.remove("over"); receive([...event.dataTransfer.files]); });
addEventListener("paste", (event) => { if (event.clipboardData.files.length) receive([...event.clipboardData.files]); });
addEventListener("beforeunload", (event) => { if (recipe.isChanged) event.preventDefault(); });
$("add").addEventListener("submit", (event) => { event.preventDefault(); list.add($("filter").value); });

async function catalogue() {
  const options = (names) => names.map((name) => element("option", { value: name }, name));
  try {
    const { filters, encodings, metadata, damaged, recipes } = await ask("studio/catalogue");
    recipe.know(filters);
    $("filter").replaceChildren(...filters.map(({ name, summary }) => element("option", { value: name, title: summary }, name)));
    $("filter").value = filters.some(({ name }) => name === "gaussian_blur") ? "gaussian_blur" : filters[0].name;
    $("encoding").replaceChildren(...options(encodings));
    $("metadata").replaceChildren(...options(metadata));
    $("damaged").replaceChildren(...options(damaged));
    $("shipped").append(...recipes.map(({ name, summary }) => element("option", { value: name, title: summary }, name)));
    for (const id of ["shipped", "add-step"]) $(id).disabled = false;
  } catch (error) {
    toast(`${error.message} Load this page again.`, true);
  }
  tabs.draw();
  list.draw();
}

pick(); // who was faster than this script
again();
