// What the reader orders: retry, pause, resume. Nothing that concerns many images happens without a question.

import { complain, order } from "./api.js";
import { $, element, toast } from "./dom.js";
import { number } from "./format.js";

const images = (count) => `${number(count)} ${count === 1 ? "image" : "images"}`;

function told({ state, count }, done) {
  if (state === "done") toast(count == null ? done : done(count));
  else if (state === "given") toast("The listener has the order, and carries it out in its turn.");
  else toast("No listener is running: the order waits until one starts.");
}

export async function retry(body, button) {
  if (button) button.disabled = true;
  try {
    told(await order("retry", body), (count) => (count ? `${images(count)} ${count === 1 ? "is" : "are"} tried again.` : "Nothing there has failed any more."));
    dispatchEvent(new Event("changed"));
  } catch (error) {
    complain(error);
  } finally {
    if (button) button.disabled = false;
  }
}

export async function retryAfterQuestion(count, what, body, button) {
  if (await confirmed(`Retry ${images(count)}?`, what, `Retry ${number(count)}`)) await retry(body, button);
}

export async function pauseOrResume(paused) {
  const button = $("pause");
  button.disabled = true;
  try {
    const { state } = await order(paused ? "resume" : "pause", {});
    if (state !== "done") told({ state });
  } catch (error) {
    complain(error);
  } finally {
    button.disabled = false;
  }
}

// A question with two answers. Resolves to whether the reader agreed.
function confirmed(title, text, yes) {
  const dialog = $("confirm");
  dialog.replaceChildren(
    element("div", { class: "top" }, element("h2", { id: "confirm-title" }, title)),
    element("div", { class: "body" }, element("p", { class: "soft" }, text)),
    element("div", { class: "actions" },
      element("button", { class: "btn", type: "button", on: { click: () => dialog.close("") } }, "Cancel"),
      element("button", { class: "btn main", type: "button", on: { click: () => dialog.close("yes") } }, yes)));
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
