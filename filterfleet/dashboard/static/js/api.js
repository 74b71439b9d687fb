// Asks the server. An answer that is an error has a sentence, which becomes that of the error here.

import { toast } from "./dom.js";

export async function ask(what, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const text = given.map(([name, value]) => `${name}=${encoded(String(value))}`).join("&");
  return answered(fetch(`api/${what}${text && `?${text}`}`, { credentials: "same-origin" }));
}

// A path may have bytes that are not UTF-8, which stand in it as halves of pairs: they travel as those bytes.
function encoded(text) {
  return [...text].map((letter) => {
    const code = letter.codePointAt(0);
    if (code < 0xd800 || code > 0xdfff) return encodeURIComponent(letter);
    return code >= 0xdc80 && code <= 0xdcff ? `%${(code - 0xdc00).toString(16)}` : "%EF%BF%BD";
  }).join("");
}

export async function order(what, body) {
  return answered(fetch(`api/${what}`, {
    method: "POST",
    credentials: "same-origin",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  }));
}

async function answered(asked) {
  const response = await asked.catch(() => { throw new Error("The dashboard does not answer: is it running?"); });
  const value = await response.json().catch(() => ({}));
  if (!response.ok) throw Object.assign(new Error(value.error ?? `The dashboard answered ${response.status}.`), { status: response.status });
  return value;
}

// Repeats a look that is never under way twice: what is asked for meanwhile is asked once, afterwards. One that fails
// leaves something stale on the page.
export function repeated(look) {
  let busy = false;
  let again = false;
  return async function run() {
    if (busy) { again = true; return; }
    busy = true;
    try {
      do {
        again = false;
        await look();
      } while (again);
    } catch (error) {
      if (error.status) console.warn(error.message); // the stream says when the server is away
      dispatchEvent(new Event("stale"));
    } finally {
      busy = false;
    }
  };
}

export const complain = (error) => toast(error.message, true);
