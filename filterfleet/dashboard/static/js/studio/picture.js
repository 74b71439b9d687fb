// The photograph before and after, and what there is to say about the result.

import { $, say, visible, visibleLines } from "../dom.js";
import { bytes, number } from "../format.js";

export function picture() {
  const slider = $("line");
  slider.addEventListener("input", () => $("compare").style.setProperty("--at", `${slider.value}%`));
  return { photo, result, failed, busy, none, right };
}

const source = (photo, at) => `api/studio/picture?${new URLSearchParams({ photo: photo.id, number: at })}`;

function photo(found, name) {
  $("drop").hidden = true;
  $("stage").hidden = $("other").hidden = false;
  $("sizes").hidden = found.whole;
  for (const button of $("sizes").children) button.setAttribute("aria-pressed", String(!button.dataset.full));
  $("compare").style.setProperty("--ratio", Math.min(3, Math.max(0.5, found.width / found.height)));
  $("before").src = source(found, 0);
  $("after").src = source(found, 0);
  say($("photo-sub"), `${visible(name)} · ${number(found.width)} × ${number(found.height)} ${found.format}`);
}

// The picture is loaded before it takes the place of the one before, so that nothing flickers. Meanwhile a newer one may
// be wanted: then this one is not shown, and the answer is false.
async function result(found, made, { full, waited, isWanted }) {
  const next = new Image();
  next.src = source(found, made.number);
  await next.decode();
  if (!isWanted()) return false;
  const after = $("after");
  after.src = next.src;
  after.dataset.number = made.number;
  $("stage").classList.remove("stale");
  $("said").classList.remove("bad");
  const { filter } = made.seconds;
  const facts = [
    `${number(made.width)} × ${number(made.height)}`, `${bytes(made.bytes).join(" ")} as ${made.format}`,
    `filters ${time(filter)}`, `all of it ${time(waited / 1000)}`,
  ];
  const rule = made.given ? "" : "By its when, this photograph does not get this output.";
  const times = Math.max(found.width, found.height) / found.side;
  const small = !found.whole && !full ? `It was tried on a small copy, on which lengths in pixels look ${times.toFixed(1)} times as large: Full size shows how it will be.` : "";
  say($("said"), [`${facts.join(" · ")}.`, visible(found.notes), rule, small].filter(Boolean).join(" "));
  return true;
}

const time = (seconds) => (seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${seconds.toFixed(1)} s`);

let isOfRecipe = false; // what is said to be wrong

function failed(sentence) {
  isOfRecipe = true;
  $("stage").classList.add("stale");
  $("said").classList.add("bad");
  say($("said"), visibleLines(sentence));
}

// What was wrong with the recipe has been mended, and there is no photograph with a result to speak of.
function right() {
  if (isOfRecipe) busy("");
}

function busy(sentence) {
  isOfRecipe = false;
  $("said").classList.remove("bad");
  say($("said"), visible(sentence));
}

function none(sentence) {
  $("drop").hidden = false;
  $("stage").hidden = $("other").hidden = $("sizes").hidden = true;
  say($("photo-sub"), "");
  failed(sentence);
  isOfRecipe = false;
}
