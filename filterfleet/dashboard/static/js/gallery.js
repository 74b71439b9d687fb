// Pictures before and after. The pictures are previews that workers have made, or results that a browser can show.

import { ask, repeated } from "./api.js";
import { $, element, fileOf, named, say, visible } from "./dom.js";
import { instant, number } from "./format.js";
import { reconcile, steady } from "./steady.js";
import { outputLink, story } from "./story.js";

const BEFORE = ""; // the name of the picture of the image itself

export function gallery() {
  const view = { images: [], chosen: null, output: null };
  const show = () => draw(view);
  const list = steady($("gallery"), (images) => {
    view.images = images;
    if (!images.some((image) => image.key === view.chosen)) view.chosen = images[0]?.key ?? null;
    show();
  });
  view.choose = (changes) => { Object.assign(view, changes); show(); };
  return repeated(async () => list((await ask("gallery")).images));
}

function draw(view) {
  const host = $("gallery-body");
  if (!view.images.length) {
    host.replaceChildren(element("div", { class: "empty" }, "No pictures yet. They come with the next images: workers make small previews where the listener asks for them."));
    $("outputs").replaceChildren();
    return;
  }
  if (!host.querySelector(".compare")) host.replaceChildren(...frame());
  const image = view.images.find(({ key }) => key === view.chosen) ?? view.images[0];
  const outputs = image.pictures.filter(({ name }) => name !== BEFORE);
  const output = outputs.find(({ name }) => name === view.output) ?? outputs.at(-1);
  reconcile($("outputs"), outputs, {
    key: ({ name }) => name,
    make: ({ name }) => element("button", { type: "button", on: { click: () => view.choose({ output: name }) } }, name),
    change: (button, { name }) => button.setAttribute("aria-pressed", String(name === output.name)),
  });
  compare(host.querySelector(".compare"), image, output);
  caption(host.querySelector(".caption"), image, output);
  reconcile(host.querySelector(".strip"), view.images, {
    key: ({ key }) => key,
    make: ({ key, path, pictures }) => element("button", { type: "button", "aria-label": visible(path), title: visible(path), on: { click: () => view.choose({ chosen: key }) } },
      element("img", { src: source({ key }, thumbnail(pictures)), alt: "", decoding: "async" }), element("em", { class: "path" }, ...named(fileOf(path)))),
    change: (button, { key }) => button.setAttribute("aria-pressed", String(key === image.key)),
  });
}

const thumbnail = (pictures) => pictures.find(({ name }) => name === BEFORE) ?? pictures[0];

function source(image, { name, kind }) {
  return kind === "preview" ? `api/preview?${new URLSearchParams({ job: image.key, name })}` : outputLink(image.key, name);
}

function frame() {
  const slider = element("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "How much of the original is shown" });
  slider.addEventListener("input", () => slider.parentElement.style.setProperty("--at", `${slider.value}%`));
  const compared = element("div", { class: "compare" }, element("img", { class: "before", alt: "" }), element("img", { class: "after", alt: "" }),
    element("i", { class: "rule" }), element("span", { class: "label left" }, "before"), element("span", { class: "label right" }), slider);
  return [element("div", { class: "view" }, element("div", { class: "stage" }, compared), element("div", { class: "caption" })), element("div", { class: "strip" })];
}

function compare(host, image, output) {
  const before = image.pictures.find(({ name }) => name === BEFORE);
  const [one, two] = host.querySelectorAll("img");
  host.classList.toggle("alone", !before);
  host.style.setProperty("--ratio", image.width && image.height ? Math.min(3, Math.max(0.5, image.width / image.height)) : 1.5);
  set(one, before ? source(image, before) : "", image.path);
  set(two, source(image, output), `${output.name} of ${image.path}`);
  say(host.querySelector(".right"), output.name);
}

function set(picture, address, text) {
  if (picture.getAttribute("src") !== address) {
    if (address) picture.setAttribute("src", address);
    else picture.removeAttribute("src");
  }
  picture.alt = visible(text);
}

function caption(host, image, output) {
  const key = `${image.key} ${output.name} ${instant(image.at)}`;
  if (host.dataset.said === key) return;
  host.dataset.said = key;
  host.replaceChildren(...[
    element("span", { class: "name path", title: visible(image.path) }, ...named(image.path)),
    image.width && element("span", { class: "tag" }, `${number(image.width)} × ${number(image.height)}`),
    element("span", { class: "tag ok" }, `done ${instant(image.at)}`),
    element("span", { class: "grow" }),
    element("button", { class: "btn quiet", type: "button", on: { click: () => story(image.path) } }, "Whole story"),
    image.results.includes(output.name) && element("a", { class: "btn", href: outputLink(image.key, output.name), target: "_blank", rel: "noopener" }, "Open result"),
  ].filter(Boolean));
}
