// What failed, by reason, and how to try it again.

import { ask, complain, repeated } from "./api.js";
import { $, element, named, say, visible } from "./dom.js";
import { counted, instant, number } from "./format.js";
import { retry, retryAfterQuestion } from "./orders.js";
import { reconcile, steady } from "./steady.js";
import { story } from "./story.js";

const SHOWN = 8; // images of a reason

export function failures(readOnly) {
  let total = 0;
  let ordered = false; // what the reader has just ordered is shown at once
  addEventListener("changed", () => { ordered = true; });
  const list = steady($("reason-list"), ({ reasons }) => draw(reasons, readOnly()));
  $("retry-all").addEventListener("click", (event) =>
    retryAfterQuestion(total, "Everything that has failed is tried again, whatever the reason.", { all: true }, event.currentTarget));
  return repeated(async () => {
    const found = await ask("failures");
    total = found.reasons.reduce((sum, reason) => sum + reason.n, 0);
    say($("failed-sub"), found.reasons.length ? counted(found.reasons.length, "reason") : "");
    $("retry-all").hidden = readOnly() || found.reasons.length < 2;
    list(found, { now: ordered });
    ordered = false;
  });
}

function draw(reasons, readOnly) {
  const host = $("reason-list");
  if (!reasons.length) {
    host.replaceChildren(element("div", { class: "empty", data: { key: "" } }, "Nothing has failed."));
    return;
  }
  const digits = Math.max(...reasons.map(({ n }) => number(n).length));
  host.style.setProperty("--digits", digits); // the counts stand in a column that is as wide as the largest
  reconcile(host, reasons, { key: (reason) => `r${reason.reason}`, make: (reason) => make(reason, readOnly), change });
}

function make({ reason }, readOnly) {
  const group = element("details", { class: "reason", data: { reason } },
    element("summary", {},
      element("span", { class: "count" }),
      element("div", {}, element("div", { class: "why" }, ...named(reason || "No reason is known.")), element("div", { class: "when" })),
      readOnly ? element("span") : element("button", { class: "btn", type: "button" }, "Retry", element("span", { class: "rest" }))),
    element("ul"));
  group.querySelector("button")?.addEventListener("click", (event) => {
    event.preventDefault(); // the group does not open
    const count = Number(group.dataset.count);
    if (count === 1) retry({ paths: [group.dataset.newest] }, event.currentTarget);
    else retryAfterQuestion(count, `They failed for this reason: ${visible(reason)}`, { reason }, event.currentTarget);
  });
  group.addEventListener("toggle", () => { if (group.open) examples(group, reason).catch(complain); });
  return group;
}

function change(group, { n, path, at }) {
  const changed = group.dataset.count !== String(n);
  group.dataset.count = n;
  group.dataset.newest = path;
  say(group.querySelector(".count"), number(n));
  say(group.querySelector(".when"), n === 1 ? [visible(path), at && instant(at)].filter(Boolean).join(", ") : at ? `last ${instant(at)}` : "");
  const rest = group.querySelector(".rest");
  if (rest) say(rest, n > 1 ? ` these ${number(n)}` : "");
  if (changed && group.open) examples(group, group.dataset.reason).catch(complain);
}

async function examples(group, reason) {
  const { jobs } = await ask("jobs", { state: "failed", reason });
  const count = Number(group.dataset.count);
  const lines = jobs.slice(0, SHOWN).map((job) => element("li", {},
    element("button", { class: "path", type: "button", title: visible(job.path), on: { click: () => story(job.path) } }, ...named(job.path)),
    element("span", { class: "time" }, instant(job.at))));
  if (count > lines.length) lines.push(element("li", {}, element("span", { class: "soft" }, `and ${number(count - lines.length)} more`)));
  group.querySelector("ul").replaceChildren(...lines);
}
