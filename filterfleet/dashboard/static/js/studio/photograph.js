// The photograph on which recipes are tried. Of several that are on their way, the one that was chosen last is shown,
// whichever arrives last.

import { $ } from "../dom.js";

export function photograph(show, changed) {
  const state = { found: null, full: false, take, again: () => take(file) };
  let file = null;
  let chosen = 0;
  let sending = new AbortController();

  async function take(given) {
    if (!given) return;
    const number = ++chosen;
    file = given;
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
      state.found = answer;
      state.full = false;
      show.photo(answer, file.name);
      changed();
    } catch (error) {
      if (number !== chosen) return;
      state.found = null;
      show.none(error instanceof TypeError ? "The photograph did not arrive: is it too large, or the dashboard away?" : error.message);
    }
  }

  $("file").addEventListener("change", ({ target }) => { take(target.files[0]); target.value = ""; });
  $("other").addEventListener("click", () => $("file").click());
  $("sizes").addEventListener("click", ({ target }) => {
    if (target.dataset.full === undefined) return;
    state.full = Boolean(target.dataset.full);
    for (const button of $("sizes").children) button.setAttribute("aria-pressed", String(button === target));
    changed();
  });
  take($("file").files[0]); // who was faster than this script
  return state;
}
