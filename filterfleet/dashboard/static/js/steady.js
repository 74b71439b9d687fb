// Lists that change while somebody reads them. Nothing in a list moves while the pointer or the keyboard is in it, or in
// one below it on the page: nobody may hit a row that has just taken the place of another one.

const regions = [];

class Region {
  constructor(host) {
    this.host = host;
    this.pointed = false;
    this.touched = 0;
    host.addEventListener("pointerenter", (event) => { if (event.pointerType !== "touch") this.pointed = true; });
    host.addEventListener("pointerleave", () => { this.pointed = false; settle(); });
    host.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch") { this.touched = Date.now(); setTimeout(settle, 1600); }
    });
    host.addEventListener("focusout", () => setTimeout(settle));
  }

  get isUsed() {
    const focused = document.activeElement;
    const typed = focused && this.host.contains(focused) && focused.matches(":focus-visible") && focused.type !== "search";
    return this.pointed || typed || Date.now() - this.touched < 1500;
  }
}

const settle = () => regions.forEach((region) => region.settle());

// steady(host, render) makes a function that shows values: at once, or when nothing holds the list any more. held(count
// of values that wait) is told when that changes.
export function steady(host, render, held = () => {}) {
  const region = new Region(host);
  let waiting = null;
  const isHeld = () => regions.some((other) => other.region.isUsed && (other.region === region || follows(region.host, other.region.host)));
  const settleThis = () => {
    if (!waiting || isHeld()) return;
    const values = waiting;
    waiting = null;
    held(false);
    render(values);
  };
  regions.push({ region, settle: settleThis });
  const show = (values, { now = false } = {}) => {
    if (!now && isHeld()) {
      waiting = values;
      held(true);
      return;
    }
    waiting = null;
    held(false);
    render(values);
  };
  return show;
}

// Whether somebody is pointing into a list, or typing in one, at this moment: not one who has left the pointer there.
const MOMENT = 10000; // milliseconds
let moved = 0;
for (const event of ["pointermove", "pointerdown", "keydown"]) addEventListener(event, () => { moved = Date.now(); }, { passive: true });
export const isBusy = () => Date.now() - moved < MOMENT && regions.some(({ region }) => region.isUsed);

const follows = (one, other) => Boolean(one.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);

// Makes the children of a list those of these items, by their keys: what stays is changed in its place, and keeps what
// the reader has opened in it. make(item) makes a child, change(child, item) brings one up to date.
export function reconcile(host, items, { key, make, change, fresh = "" }) {
  const before = new Map([...host.children].map((child) => [child.dataset.key, child]));
  const first = before.size === 0;
  let at = host.firstChild;
  for (const item of items) {
    const name = String(key(item));
    let child = before.get(name);
    before.delete(name);
    if (!child) {
      child = make(item);
      child.dataset.key = name;
      if (fresh && !first) child.classList.add(fresh);
    }
    change?.(child, item);
    if (child === at) at = at.nextSibling;
    else host.insertBefore(child, at);
  }
  before.forEach((child) => child.remove());
}
