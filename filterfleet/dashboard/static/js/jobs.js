// The jobs: newest first, found by path or id, and a page at a time.

import { ask, repeated } from "./api.js";
import { $, element, fileOf, folderOf, named, say, visible } from "./dom.js";
import { exactly, instant, number, seconds } from "./format.js";
import { reconcile, steady } from "./steady.js";
import { KINDS, stack, stateName, story } from "./story.js";

const STATES = ["", "running", "pending", "done", "failed", "skipped"];
const REST = 250; // milliseconds without a key, after which a search begins

export function jobs() {
  const view = { state: "", text: "", before: null, picture: null };
  const list = steady($("job-list"), draw, (held) => { if (held) say($("jobs-sub"), "changes wait while you are here"); });
  const look = repeated(async () => {
    const asked = { ...view };
    const isCurrent = () => asked.state === view.state && asked.text === view.text && asked.before === view.before;
    let found = { jobs: [], before: asked.before };
    if (asked.state === "running") found.before = null;
    else {
      do found = await ask("jobs", { state: asked.state, text: asked.text, before: found.before });
      while (!found.jobs.length && found.before && isCurrent()); // a search looks at a part of a large ledger at a time
    }
    if (!isCurrent()) return;
    const rows = asked.before ? found.jobs : [...running(view), ...found.jobs];
    $("older").hidden = !found.before;
    $("newest").hidden = !asked.before;
    view.next = found.before;
    view.last = found.jobs.at(-1)?.at ?? view.last;
    say($("jobs-sub"), asked.before ? `before ${view.page}` : "live");
    list(unique(rows), { now: view.now });
    view.now = false;
  });
  const turn = (changes) => {
    Object.assign(view, changes, { now: true });
    look();
  };
  controls(view, turn);
  return {
    look: () => { if (!view.before) look(); },
    picture(picture) {
      view.picture = picture;
      chips(view, turn);
    },
  };
}

function controls(view, turn) {
  const search = $("search");
  let timer;
  search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => turn({ text: search.value.trim(), before: null }), REST);
  });
  $("older").addEventListener("click", () => turn({ before: view.next, page: instant(view.last) }));
  $("newest").addEventListener("click", () => turn({ before: null }));
  $("job-list").addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-path]");
    if (row) story(row.dataset.path);
  });
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.target.closest("input, dialog")) {
      event.preventDefault();
      search.focus();
    } else if (event.key === "Escape" && event.target === search && search.value) {
      search.value = "";
      turn({ text: "", before: null });
    }
  });
}

function chips(view, turn) {
  const { ledger, workers } = view.picture;
  if (!ledger) return;
  const counts = { ...ledger.counts, running: workers.reduce((sum, worker) => sum + worker.jobs.filter((job) => job.begun).length, 0) };
  const all = counts.pending + counts.done + counts.failed + counts.skipped;
  const host = $("chips");
  if (!host.children.length) {
    host.append(...STATES.map((state) => element("button", { class: "chip", type: "button", on: { click: () => turn({ state, before: null }) } })));
  }
  STATES.forEach((state, i) => {
    const chip = host.children[i];
    say(chip, `${state ? stateName(state) : "all"} ${number(state ? counts[state] : all)}`);
    chip.setAttribute("aria-pressed", String(view.state === state));
    chip.hidden = (state === "skipped" || state === "running") && !counts[state] && view.state !== state;
  });
}

// Jobs that run now, as the broker says it. The ledger knows them as those that are to be done.
function running({ state, text, picture }) {
  if ((state && state !== "running") || !picture) return [];
  const rows = picture.workers.filter((worker) => !worker.gone).flatMap((worker) => worker.jobs.filter((job) => job.begun).map((job) => ({
    path: job.path || job.id, id: job.id, state: "running", worker: `${worker.host}/${worker.pid}`, age: job.seconds, stages: {},
  })));
  return text ? rows.filter((row) => row.path.includes(text) || row.id.startsWith(text)) : rows;
}

function unique(rows) {
  const seen = new Set();
  return rows.filter(({ path }) => !seen.has(path) && seen.add(path));
}

function draw(rows) {
  const host = $("job-list");
  if (!rows.length) {
    host.replaceChildren(element("tr", { data: { key: "" } }, element("td", { class: "empty", colspan: 6 }, "No such jobs.")));
    return;
  }
  reconcile(host, rows, { key: (row) => `p${row.path}`, make, change, fresh: "came" });
}

const make = (row) => element("tr", { data: { path: row.path } },
  element("td", { class: "image", title: visible(row.path) }, element("button", { class: "path", type: "button" }, element("span", { class: "folder" }, ...named(folderOf(row.path))), ...named(fileOf(row.path)))),
  element("td", { class: "state" }, element("span")),
  element("td", { class: "soft worker-name" }), element("td", { class: "bars" }), element("td", { class: "soft total" }), element("td", { class: "soft when" }));

function change(line, row) {
  const [, state, worker, bars, total, when] = line.children;
  state.firstChild.className = `tag ${KINDS[row.state]}`;
  say(state.firstChild, stateName(row.state));
  say(worker, visible(row.worker || "–"));
  const times = Object.values(row.stages ?? {});
  const said = row.reason || times.join();
  if (bars.dataset.said !== said) {
    bars.dataset.said = said;
    bars.replaceChildren(row.reason ? element("span", { class: "soft", title: visible(row.reason) }, visible(row.reason)) : times.length ? stack(row.stages) : "");
  }
  say(total, row.stages?.total != null ? seconds(row.stages.total) : row.age != null ? seconds(row.age) : "");
  say(when, row.state === "running" ? "now" : row.state === "pending" ? "waits" : instant(row.at));
  when.title = exactly(row.at);
}
