// Asks the server. An answer that is an error has a sentence, which becomes that of the error here.

import { toast } from "./dom.js";

export async function ask(what, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const text = new URLSearchParams(given).toString();
  return answered(fetch(`api/${what}${text && `?${text}`}`, { credentials: "same-origin" }));
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

// Repeats a look that is never under way twice: what is asked for meanwhile is asked once, afterwards.
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
    } finally {
      busy = false;
    }
  };
}

export const complain = (error) => toast(error.message, true);
