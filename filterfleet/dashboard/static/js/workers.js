// The workers, and what each of them runs now.

import { $, element, fileOf, named, say, visible } from "./dom.js";
import { counted, instant, number, rate, seconds } from "./format.js";
import { reconcile, steady } from "./steady.js";

const LONG = 30; // seconds after which a running image is worth a look
const SHOWN = 6; // running images of a worker
const HOW = { // what the broker says about its end
  left: "it said farewell", closed: "its connection was closed", silent: "it fell silent", dismissed: "it was sent away", lost: "it died with work in hand; others do that",
};

export function workers() {
  const list = steady($("worker-list"), draw);
  return (picture) => {
    const alive = picture.workers.filter((worker) => !worker.gone);
    const hosts = new Set(alive.map((worker) => worker.host)).size;
    const gone = picture.workers.length - alive.length;
    const { broker } = picture;
    $("workers").classList.toggle("stale", broker.asked && !broker.answers);
    say($("workers-sub"), !broker.asked ? "" : !broker.answers ? (broker.heard_at ? `as of ${instant(broker.heard_at)}` : "unknown")
      : `${number(alive.length)} alive on ${counted(hosts, "machine")}${gone ? `, ${number(gone)} gone` : ""}`);
    list(picture);
  };
}

function draw({ workers: all, broker }) {
  const host = $("worker-list");
  if (!all.length) {
    const text = broker.answers ? "No worker is connected. Start one with: filterfleet worker" : "";
    if (host.textContent !== text || !host.children.length) host.replaceChildren(element("div", { class: "empty", data: { key: "empty" } }, text));
    return;
  }
  reconcile(host, all, { key: (worker) => worker.key, make, change, fresh: "came" });
}

const make = () => element("div", { class: "worker" },
  element("div", {}, element("div", { class: "name" }, element("i", { class: "dot" }), element("span", { class: "path" })), element("div", { class: "meta" })),
  element("div", { class: "slots", role: "img" }),
  element("div", { class: "now" }),
  element("div", { class: "rate" }, element("b"), element("span")));

function change(row, worker) {
  row.classList.toggle("gone", Boolean(worker.gone));
  row.querySelector(".dot").className = `dot ${worker.gone ? "bad" : worker.draining ? "off" : ""}`;
  const name = row.querySelector(".name span");
  say(name, visible(worker.host));
  name.title = visible([`${worker.host}/${worker.pid}`, worker.name && `key ${worker.name}`, worker.version && `version ${worker.version}`, worker.address].filter(Boolean).join(", "));
  say(row.querySelector(".meta"), visible([worker.pid && `process ${worker.pid}`, worker.name].filter(Boolean).join(", ")));
  slots(row.querySelector(".slots"), worker);
  running(row.querySelector(".now"), worker);
  const [value, unit] = row.querySelector(".rate").children;
  say(value, worker.gone || worker.draining ? "" : rate(worker.rate));
  say(unit, worker.gone ? instant(worker.gone) : worker.draining ? "" : " /min");
}

// A square for each thread; leases beyond are images that it has fetched ahead.
function slots(host, { threads, leases = 0, slots: offered, gone }) {
  const count = Math.min(64, Math.max(threads ?? offered ?? 0, 1));
  const ahead = Math.max(0, (leases ?? 0) - count);
  const wanted = gone ? `${count} 0` : `${count} ${Math.min(leases, count)}`;
  if (host.dataset.said === wanted) return;
  host.dataset.said = wanted;
  const on = gone ? 0 : Math.min(leases, count);
  host.replaceChildren(...Array.from({ length: count }, (_, i) => element("i", { class: i < on ? "on" : "" })));
  host.setAttribute("aria-label", `${on} of ${counted(count, "thread")} busy${ahead ? `, ${counted(ahead, "image")} fetched ahead` : ""}`);
}

function running(host, worker) {
  const lines = worker.gone ? [gone(worker)] : worker.jobs.slice(0, SHOWN).map(job);
  if (!worker.gone) {
    const more = (worker.leases ?? 0) - lines.length;
    if (!lines.length) lines.push(element("div", {}, element("span", { class: "quiet" }, worker.draining ? "finishes what it has" : worker.leases ? `works on ${counted(worker.leases, "image")}` : "waits for work")));
    else if (more > 0) lines.push(element("div", {}, element("span", { class: "quiet" }, `and ${number(more)} more in hand`)));
    if (worker.draining) lines.unshift(element("div", {}, element("span", { class: "tag warn" }, "draining")));
  }
  host.replaceChildren(...lines);
}

const gone = (worker) => element("div", {}, element("span", { class: worker.how === "left" ? "tag" : "tag bad" }, worker.how === "left" ? "left" : "gone"),
  element("span", { class: "path" }, HOW[worker.how] ?? ""));

const job = ({ path, id, seconds: age, begun }) => element("div", { class: begun ? "" : "ahead" },
  element("span", { class: begun ? "tag accent" : "tag", title: begun ? "a thread works on it" : "the worker has fetched it ahead" }, begun ? "running" : "next"),
  element("span", { class: "path", title: visible(path || id) }, ...named(path ? fileOf(path) : id)),
  element("span", { class: age > LONG ? "time long" : "time" }, seconds(age)));
