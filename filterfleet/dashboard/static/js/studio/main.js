// Puts the studio together: what is chosen is tried at once, and the newest choice is the one that is shown.

import { ask, order } from "../api.js";
import { $, element, say, toast } from "../dom.js";
import { picture } from "./picture.js";
import { steps } from "./steps.js";
import { text } from "./text.js";
import { trying } from "./trying.js";

const state = { catalogue: null, photo: null, file: null, full: false };
const show = picture();
const showText = text();
const recipe = () => ({ steps: list.asked(), encoding: $("encoding").value, quality: Number($("quality").value) });
const list = steps(() => again());
const again = trying(async (isNewest) => {
  if (!state.photo) return;
  const asked = { photo: state.photo.id, recipe: recipe(), full: state.full };
  const isWanted = () => isNewest() && state.photo?.id === asked.photo;
  const began = performance.now();
  try {
    const result = await order("studio/try", asked);
    if (!isWanted()) return;
    const isShown = await show.result(state.photo, result, { full: asked.full, waited: performance.now() - began, isWanted });
    if (isShown) showText(result.toml);
  } catch (error) {
    if (error.status === 409 || !isWanted()) return;
    if (error.status === 410) await take(state.file);
    else show.failed(error.message);
  }
});

// Of several photographs that are on their way, the one that was chosen last is shown, whichever arrives last.
let chosen = 0;
let sending = new AbortController();

async function take(file) {
  if (!file) return;
  const number = ++chosen;
  state.file = file;
  sending.abort();
  sending = new AbortController();
  show.busy(`Reading ${file.name}`);
  try {
    const response = await fetch("api/studio/photo", {
      method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/octet-stream" }, body: file, signal: sending.signal,
    });
    const answer = await response.json().catch(() => ({}));
    if (number !== chosen) return;
    if (!response.ok) throw new Error(answer.error ?? `The dashboard answered ${response.status}.`);
    state.photo = answer;
    state.full = false;
    show.photo(answer, file.name);
    again();
  } catch (error) {
    if (number !== chosen) return;
    state.photo = null;
    show.none(error instanceof TypeError ? "The photograph did not arrive: is it too large, or the dashboard away?" : error.message);
  }
}

$("file").addEventListener("change", (event) => { take(event.target.files[0]); event.target.value = ""; });
$("other").addEventListener("click", () => $("file").click());
addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
addEventListener("dragleave", () => $("drop").classList.remove("over"));
addEventListener("drop", (event) => { event.preventDefault(); $("drop").classList.remove("over"); take(event.dataTransfer.files[0]); });
addEventListener("paste", (event) => { if (event.clipboardData.files.length) take(event.clipboardData.files[0]); });
$("sizes").addEventListener("click", ({ target }) => {
  if (target.dataset.full === undefined) return;
  state.full = Boolean(target.dataset.full);
  for (const button of $("sizes").children) button.setAttribute("aria-pressed", String(button === target));
  again();
});
$("add").addEventListener("submit", (event) => { event.preventDefault(); list.add($("filter").value); });
$("encoding").addEventListener("change", () => again());
$("quality").addEventListener("input", () => { say($("quality-value"), $("quality").value); again(); });
take($("file").files[0]); // who was faster than this script

try {
  const { filters, encodings } = await ask("studio/filters");
  list.know(filters);
  $("filter").replaceChildren(...filters.map(({ name, summary }) => element("option", { value: name, title: summary }, name)));
  $("filter").value = filters.some(({ name }) => name === "gaussian_blur") ? "gaussian_blur" : filters[0].name;
  $("encoding").replaceChildren(...encodings.map((name) => element("option", { value: name }, name)));
  $("add").querySelector("button").disabled = false;
  again();
} catch (error) {
  toast(error.message, true);
}
