// Makes elements. Every name is hostile: it only ever goes in as text, and this page has no innerHTML.

export const $ = (id) => document.getElementById(id);

// element("div", {class: "card", on: {click: go}, title: "..."}, "text", child, null)
export function element(tag, properties = {}, ...children) {
  return dressed(document.createElement(tag), properties, children);
}

export function drawn(tag, properties = {}, ...children) {
  return dressed(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

function dressed(made, { on = {}, data = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value != null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  for (const [event, listener] of Object.entries(on)) made.addEventListener(event, listener);
  for (const [name, value] of Object.entries(data)) made.dataset[name] = value;
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

// Sets a text only where it differs, so that nothing is drawn again that has not changed.
export function say(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

// What nobody would see in a name, or what would turn its direction: control characters, marks for the direction of
// writing, invisible letters, halves of pairs.
const HIDDEN = /[\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufeff\uffa0\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function escaped(letter) {
  const code = letter.charCodeAt(0);
  if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`; // a byte that is not UTF-8
  return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

export const visible = (name) => name.replace(HIDDEN, escaped);
export const visibleLines = (text) => text.split("\n").map(visible).join("\n");

// A name as children of an element: hidden characters stand there as escapes, and look like nothing else.
export function named(name) {
  const parts = [];
  let end = 0;
  for (const found of name.matchAll(HIDDEN)) {
    if (found.index > end) parts.push(name.slice(end, found.index));
    parts.push(element("span", { class: "escaped" }, escaped(found[0])));
    end = found.index + found[0].length;
  }
  return [...parts, name.slice(end)];
}

export const fileOf = (path) => path.slice(path.lastIndexOf("/") + 1);
export const folderOf = (path) => path.slice(0, path.lastIndexOf("/") + 1);

let toasts = 0;
export function toast(text, bad = false) {
  const made = element("div", { class: bad ? "toast bad" : "toast" }, visible(text));
  const host = $("toasts");
  if (++toasts > 3) host.firstChild?.remove();
  host.append(made);
  setTimeout(() => { made.remove(); toasts = host.children.length; }, bad ? 9000 : 5000);
}
