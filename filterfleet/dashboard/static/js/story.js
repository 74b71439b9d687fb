// The whole story of one job: versions, attempts, stages, results, and why it failed.

import { ask, complain } from "./api.js";
import { $, element, named, visible } from "./dom.js";
import { bytes, exactly, instant, number, seconds } from "./format.js";
import { STAGES, stageName } from "./history.js";
import { retry } from "./orders.js";

let readOnly = () => true;
export const setReadOnly = (is) => { readOnly = is; };

export const KINDS = { done: "ok", failed: "bad", running: "accent", pending: "", skipped: "" };
export const stateName = (state) => (state === "pending" ? "to do" : state);

export async function story(key) {
  let told;
  try {
    told = await ask("job", { id: key });
  } catch (error) {
    complain(error);
    return;
  }
  const { job } = told;
  const dialog = $("story");
  const actions = [element("button", { class: "btn", type: "button", autofocus: true, on: { click: () => dialog.close() } }, "Close")];
  if (job.state === "failed" && !readOnly()) {
    actions.push(element("button", { class: "btn main", type: "button", on: { click: (event) => { retry({ paths: [job.path] }, event.currentTarget); dialog.close(); } } }, "Retry"));
  }
  dialog.replaceChildren(
    element("div", { class: "top" }, element("h2", { id: "story-title", class: "path" }, ...named(job.path)), element("span", { class: `tag end ${KINDS[job.state]}` }, stateName(job.state))),
    element("div", { class: "body" }, job.reason && element("p", { class: "why" }, ...named(job.reason)), facts(told), timing(job.stages), attempts(told.attempts)),
    element("div", { class: "actions" }, ...actions));
  dialog.showModal();
}

const DEPARTURES = { due: "is to be taken away from the source", ours: "was taken away from the source", theirs: "has vanished from the source" };

function facts({ job, notes, twins, departure, engine, has_files: hasFiles }) {
  const [size, unit] = bytes(job.size ?? 0);
  const rows = [
    ["job", job.id ? element("code", {}, job.id) : null],
    ["when", job.at ? exactly(job.at) : null],
    ["worker", job.worker ? visible(job.worker) + (engine && engine !== "cluster" ? ` (${engine})` : "") : null],
    ["image", [job.width ? `${number(job.width)} × ${number(job.height)} pixels` : "", job.size ? `${size} ${unit}` : "", DEPARTURES[departure]].filter(Boolean).join(", ")],
    ["notes", notes ? visible(notes) : null],
    ["same content", twins.length ? twins.map(visible).join(", ") : null],
    ["results", job.outputs.length ? results(job, hasFiles) : null],
  ];
  return element("dl", {}, ...rows.filter(([, value]) => value).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

export const outputLink = (key, name) => `api/output?${new URLSearchParams({ id: key, name })}`;

function results({ key, outputs }, hasFiles) {
  const links = outputs.map(({ name, path }) => (hasFiles && key ? element("a", { href: outputLink(key, name), target: "_blank", rel: "noopener", title: visible(path) }, name) : element("span", { title: visible(path) }, name)));
  return element("span", {}, ...links.flatMap((link, i) => (i ? [", ", link] : [link])));
}

function timing(stages) {
  if (!stages || !Object.keys(stages).length) return null;
  return element("div", {}, element("h3", {}, "Where the time went"), stack(stages),
    element("div", { class: "legend" }, ...STAGES.filter((stage) => stages[stage] != null).map((stage) => element("span", {}, element("i", { class: `k-${stage}` }), `${stageName(stage)} `, element("b", {}, seconds(stages[stage]))))));
}

export function stack(stages) {
  const known = STAGES.filter((stage) => stages[stage] > 0);
  const total = known.reduce((sum, stage) => sum + stages[stage], 0);
  const host = element("div", { class: "stack", title: known.map((stage) => `${stageName(stage)} ${seconds(stages[stage])}`).join(", ") });
  for (const stage of known) {
    const part = element("i", { class: `k-${stage}` });
    part.style.width = `${stages[stage] / total * 100}%`;
    host.append(part);
  }
  return host;
}

const ENDINGS = {
  done: ["done", "ok"], failed: ["failed", "bad"], transient: ["may pass", "warn"], lost: ["worker lost", "bad"],
  expired: ["timed out", "bad"], returned: ["handed back", "warn"], overtaken: ["overtaken", ""],
};
const endingOf = (ending) => ENDINGS[ending] ?? [ending, "bad"];

function attempts(all) {
  if (!all.length) return null;
  return element("div", {}, element("h3", {}, all.length === 1 ? "One attempt" : `${number(all.length)} attempts`),
    element("ol", {}, ...all.toReversed().map(({ ended: at, ending, worker, reason, seconds: took }) => element("li", {},
      element("span", { class: "soft", title: exactly(at) }, instant(at)),
      element("span", { class: `tag ${endingOf(ending)[1]}` }, endingOf(ending)[0]),
      element("span", {}, [worker && visible(worker), took != null && seconds(took), reason && visible(reason)].filter(Boolean).join(" · "))))));
}
