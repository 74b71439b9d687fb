// Puts the page together: pictures come by the stream, once a second; lists are asked for when something has changed.

import { ask, repeated } from "./api.js";
import { $, say } from "./dom.js";
import { failures } from "./failures.js";
import { gallery } from "./gallery.js";
import { history } from "./history.js";
import { jobs } from "./jobs.js";
import { pauseOrResume } from "./orders.js";
import { connection, overview } from "./overview.js";
import { setReadOnly } from "./story.js";
import { follow, STALE } from "./stream.js";
import { workers } from "./workers.js";

const CHARTS = 5000; // milliseconds between two looks at the charts
const PICTURES = 4000; // at the gallery

const now = { picture: null, charts: null, span: "1h", at: 0, seen: 0, counts: "" };
const isSeen = () => document.visibilityState === "visible";
const readOnly = () => now.picture?.read_only ?? true;
setReadOnly(readOnly);

const showWorkers = workers();
const showFailures = failures(readOnly);
const showGallery = gallery();
const showJobs = jobs();
const showCharts = repeated(async () => {
  now.charts = { ...(await ask("charts", { span: now.span })), span: now.span };
  history(now.charts);
  if (now.picture) overview(now.picture, now.charts);
});

follow((picture) => {
  const first = now.picture === null;
  now.picture = picture;
  now.at = Date.now();
  if (!isSeen()) return;
  show(first);
});

function show(all) {
  const { picture } = now;
  overview(picture, now.charts);
  showWorkers(picture);
  showJobs.picture(picture);
  pause(picture);
  const { ledger } = picture;
  const counts = ledger ? JSON.stringify([ledger.counts, ledger.newest]) : "";
  const busy = picture.workers.some((worker) => worker.jobs.length);
  if (all || counts !== now.counts) {
    showFailures();
    later("gallery", showGallery, PICTURES);
  }
  if (all || counts !== now.counts || busy) showJobs.look();
  if (all || Date.now() - (now.drawn ?? 0) > CHARTS) {
    now.drawn = Date.now();
    showCharts();
  }
  now.counts = counts;
}

// Not more often than this, and at once the first time.
const timers = {};
function later(name, run, wait) {
  const timer = (timers[name] ??= { at: 0, due: null });
  const left = timer.at + wait - Date.now();
  if (left <= 0) {
    timer.at = Date.now();
    run();
  } else {
    timer.due ??= setTimeout(() => { timer.due = null; timer.at = Date.now(); run(); }, left);
  }
}

function pause({ listener, read_only: readsOnly, ledger }) {
  const button = $("pause");
  button.hidden = readsOnly || !ledger;
  button.setAttribute("aria-pressed", String(listener.paused != null));
  say(button.querySelector("span"), listener.paused ? "Resume" : "Pause");
}

$("pause").addEventListener("click", () => pauseOrResume(now.picture.listener.paused != null));
$("spans").addEventListener("click", (event) => {
  const span = event.target.dataset.span;
  if (!span) return;
  now.span = span;
  for (const button of $("spans").children) button.setAttribute("aria-pressed", String(button.dataset.span === span));
  showCharts();
});
addEventListener("changed", () => show(true));
addEventListener("stale", () => { now.counts = null; }); // with the next picture, all lists are asked for
addEventListener("zone", () => { if (now.charts) history(now.charts); show(true); });
addEventListener("resize", () => { if (now.charts) history(now.charts); });
document.addEventListener("visibilitychange", () => {
  if (!isSeen()) return;
  now.seen = Date.now(); // nobody has asked for pictures meanwhile
  if (now.picture) show(true);
});
setInterval(() => { if (isSeen() && now.picture && Date.now() - Math.max(now.at, now.seen) > STALE) connection("bad", "Dashboard away"); }, 1000);

// The section that one looks at, in the navigation: the last one that begins in the upper third of the window.
const links = new Map([...document.querySelectorAll('nav a[href^="#"]')].map((link) => [$(link.getAttribute("href").slice(1)), link]));
function mark() {
  const begun = scrollY > 0 ? [...links.keys()].filter((section) => section.getBoundingClientRect().top < innerHeight / 3) : [];
  const current = begun.at(-1) ?? $("top");
  for (const [section, link] of links) {
    if (section === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}
addEventListener("scroll", mark, { passive: true });
