// Headline, progress, tiles, banners, footer: what one sees first.

import { spark } from "./charts.js";
import { $, element, named, say, visible } from "./dom.js";
import { bytes, counted, exactly, instant, noun, number, rate, seconds, span, zone } from "./format.js";
import { isBusy } from "./steady.js";

const COUNTS = [["done", "done"], ["failed", "failed"], ["pending", "to do"]];

export function overview(picture, charts) {
  headline(picture);
  progress(picture.ledger);
  tiles(picture, charts);
  banners(picture);
  live(picture);
  footer(picture);
}

// --- headline ----

function headline(picture) {
  const [strong, soft] = words(picture);
  const host = $("headline");
  if (host.dataset.said !== strong + soft) {
    host.dataset.said = strong + soft;
    host.replaceChildren(strong, " ", element("span", { class: "soft" }, soft));
  }
  document.title = picture.ledger?.counts.pending ? `${number(picture.ledger.counts.pending)} to go · filterfleet` : "filterfleet";
  const places = [...(picture.ledger?.sources ?? []), picture.output].join("\n");
  const route = $("route");
  if (route.dataset.said === places) return;
  route.dataset.said = places;
  const sources = picture.ledger?.sources ?? [];
  const from = sources.length > 1 ? element("span", { title: sources.map(visible).join("\n") }, `${sources.length} sources`) : sources[0] && code(sources[0]);
  const to = picture.output && element("span", { class: "to" }, from ? "→" : "", code(picture.output));
  route.replaceChildren(...[from, to].filter(Boolean));
}

// The end of a long path tells more than its beginning.
function short(place) {
  const longest = 36;
  return place.length > longest ? `…${place.slice(1 - longest)}` : place;
}
const code = (place) => element("code", { class: "path", title: visible(place) }, ...named(short(place)));

// What the fleet is about, in two parts: [strong, soft].
function words({ ledger, listener, broker }) {
  if (!ledger) return ["The ledger cannot be read", ""];
  const { pending } = ledger.counts;
  const togo = pending ? `${number(pending)} to go` : "";
  if (listener.paused != null) return ["Paused", togo || "nothing to do"];
  const rest = listener.running ? "waiting for new images" : "";
  if (!pending && ledger.counts.failed) return ["Nothing is left to do", [`${number(ledger.counts.failed)} failed`, rest].filter(Boolean).join(", ")];
  if (!pending) return ["Everything is done", rest];
  if (!listener.running) return ["No listener is running", togo];
  if (broker.asked && !broker.answers) return ["Waiting for the broker", togo];
  if (ledger.rate > 0) return [`${rate(ledger.rate)} ${noun(ledger.rate, "image")} a minute`, ledger.left == null ? togo : `about ${span(Math.max(1, ledger.left))} to go`];
  return ["Waiting", togo];
}

function progress(ledger) {
  if (!ledger) return;
  const { counts } = ledger;
  const total = COUNTS.reduce((sum, [state]) => sum + counts[state], 0);
  const track = $("track");
  if (!track.children.length) track.append(...COUNTS.map(([state]) => element("i", { class: `s-${state}` })));
  COUNTS.forEach(([state], i) => {
    track.children[i].style.width = `${total ? counts[state] / total * 100 : 0}%`;
    track.children[i].hidden = !counts[state];
  });
  track.setAttribute("aria-label", `${counts.done} of ${counted(total, "image")} done, ${counts.failed} failed`);
  const legend = $("legend");
  if (!legend.children.length) {
    legend.append(...COUNTS.map(([state, name]) => element("span", {}, element("i", { class: `s-${state}` }), element("b"), ` ${name}`)));
    legend.append(element("span"), element("span", { class: "end" }));
  }
  COUNTS.forEach(([state], i) => say(legend.children[i].querySelector("b"), number(counts[state])));
  say(legend.children[3], [counts.skipped && `${number(counts.skipped)} skipped`, ledger.left_alone && `${number(ledger.left_alone)} other files left alone`].filter(Boolean).join(", "));
  say(legend.children[4], total ? `${(Math.floor((counts.done + counts.failed) / total * 1000) / 10).toFixed(1)} %` : "");
  const badge = $("failed-badge");
  badge.hidden = !counts.failed;
  say(badge, number(counts.failed));
}

// --- tiles ----

function tiles(picture, charts) {
  const { ledger, broker, workers } = picture;
  const alive = workers.filter((worker) => !worker.gone);
  const slots = alive.reduce((sum, worker) => sum + (worker.threads ?? worker.slots ?? 0), 0);
  const busy = alive.reduce((sum, worker) => sum + Math.min(worker.leases ?? 0, worker.threads ?? worker.slots ?? 0), 0);
  const known = broker.answers;
  const p95 = charts?.p95.findLast((value) => value != null);
  const [size, unit] = bytes(charts?.today?.bytes ?? 0);
  const shown = [
    { name: "Rate", value: rate(ledger?.rate ?? 0), unit: "/min", detail: rateDetail(ledger), kind: "k-done", values: charts?.done },
    { name: "To do", value: number(ledger?.counts.pending ?? 0), detail: broker.waiting != null && known ? `${number(broker.waiting)} wait at the broker` : "" },
    { name: "Turnaround p95", value: p95 == null ? "–" : seconds(p95).replace(/ s$/, ""), unit: p95 == null || p95 >= 120 ? "" : "s", detail: p95 == null ? "" : "from sent to finished", kind: "k-p95", values: charts?.p95 },
    { name: "Failed", value: number(ledger?.counts.failed ?? 0), detail: failedDetail(charts), kind: "k-failed", values: charts?.failed, alarm: ledger?.counts.failed > 0 },
    { name: "Workers", value: known ? String(alive.length) : "?", unit: known && alive.length < workers.length ? `of ${workers.length}` : "", detail: slots ? `${busy} of ${counted(slots, "thread")} ${known ? "busy" : "busy then"}` : known ? "start one with filterfleet worker" : "" },
    { name: "Today", value: number(charts?.today?.done ?? 0), unit: noun(charts?.today?.done ?? 0, "image"), detail: charts?.today ? `${size} ${unit} of originals` : "" },
  ];
  const host = $("tiles");
  if (!host.children.length) host.append(...shown.map(tile));
  shown.forEach((one, i) => fill(host.children[i], one));
}

const tile = ({ name }) => element("div", { class: "card tile" }, element("h2", {}, name), element("div", { class: "value" }, element("span"), element("small")), element("div", { class: "detail" }));

function fill(host, { value, unit = "", detail, kind, values, alarm }) {
  host.classList.toggle("alarm", Boolean(alarm));
  say(host.querySelector(".value span"), value);
  say(host.querySelector("small"), unit);
  say(host.querySelector(".detail"), detail);
  const said = values ? values.join() : "";
  if (host.dataset.drawn === said) return;
  host.dataset.drawn = said;
  host.querySelector("svg")?.remove();
  if (values?.some((one) => one)) host.append(spark(kind, values.map((one) => one ?? 0)));
}

function rateDetail(ledger) {
  if (!ledger || ledger.rate > 0) return "in the last minute";
  return ledger.newest.done ? `nothing since ${instant(ledger.newest.done)}` : "nothing yet";
}

function failedDetail(charts) {
  if (!charts || charts.span !== "1h") return "";
  const recent = charts.failed.reduce((sum, one) => sum + one, 0);
  return recent ? `+${number(recent)} in the last hour` : "none in the last hour";
}

// --- banners ----

let began = null; // the version of the dashboard from which this page came

function banners({ at, version, ledger, listener, broker, trouble, broker_address: address }) {
  const said = [];
  began ??= version;
  if (version !== began) said.push(["warn", `The dashboard is ${version} now`, `and this page is of ${began}: load it again.`]);
  if (trouble) said.push(["bad", "The ledger cannot be read", trouble]);
  if (broker.refusal) said.push(["bad", `The broker at ${address} does not let us in`, broker.refusal]);
  else if (broker.asked && !broker.answers && at - broker.silent_since > 2) {
    const seen = broker.heard_at ? ` The figures of workers are from ${instant(broker.heard_at)}.` : "";
    said.push(["bad", `The broker at ${address} does not answer`, `since ${instant(broker.silent_since)}. Nothing is lost: images wait in the ledger and go on when it is back.${seen}`]);
  } else if (listener.cut_off) said.push(["bad", "The listener is cut off from its broker", `since ${instant(listener.cut_off.since)}: ${listener.cut_off.reason}.`]);
  if (ledger && !listener.running) said.push(["warn", "No listener is running for this ledger", "Nothing new is taken up, and orders wait until one starts."]);
  else if (listener.paused != null) said.push(["warn", "The listener is paused", `since ${instant(listener.paused)}. It finishes what is running, and takes nothing new until somebody resumes it.`]);
  for (const wait of new Set([...listener.waits, ...broker.waits])) said.push(["warn", "Work waits:", `${wait}.`]);
  for (const sentence of broker.versions) said.push(["warn", "Another version:", `${sentence}.`]);
  const host = $("banners");
  const key = JSON.stringify(said);
  if (host.dataset.said === key || (host.dataset.said && isBusy())) return; // it would move what one points at
  host.dataset.said = key;
  host.replaceChildren(...said.map(([kind, title, text]) => element("div", { class: `banner ${kind}` }, element("i", { class: `dot ${kind}` }), element("div", {}, element("b", {}, visible(title)), " ", visible(text)))));
}

function live({ broker, listener, trouble }) {
  const [kind, text] = trouble ? ["bad", "No ledger"]
    : broker.asked && !broker.answers ? ["bad", "Broker down"]
    : !listener.running ? ["warn", "No listener"]
    : listener.paused != null ? ["warn", "Paused"]
    : ["", "Live"];
  connection(kind, text);
}

export function connection(kind, text) {
  const host = $("live");
  host.firstElementChild.className = `dot ${kind}`;
  say(host.lastElementChild, text);
}

// --- footer ----

function footer(picture) {
  const host = $("footer");
  if (!host.children.length) {
    const toggle = element("button", { type: "button", on: { click: () => { zone.toggle(); dispatchEvent(new Event("zone")); } } });
    host.append(element("span"), element("span"), element("span"), element("span"), toggle);
  }
  const [version, broker, ledger, times, toggle] = host.children;
  say(version, `filterfleet ${picture.version}`);
  say(broker, `Broker ${visible(picture.broker_address)}${picture.broker.answers ? `, ${counted(picture.broker.tasks ?? 0, "task")}` : ""}`);
  const total = Object.values(picture.ledger?.counts ?? {}).reduce((sum, one) => sum + one, 0);
  say(ledger, `Ledger ${counted(total, "image")}`);
  say(times, `Times in ${zone.name}`);
  times.title = exactly(picture.at);
  say(toggle, zone.utc ? "show local time" : "show UTC");
  toggle.hidden = zone.isUtc;
}
