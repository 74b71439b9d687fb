// Charts in SVG: coloured by classes, so that dark and light need no second drawing.

import { drawn, element, say } from "./dom.js";

const LEFT = 38;
const BOTTOM = 18;
const TOP = 10;
const STEPS = [1, 2, 2.5, 5];

// chart(host, {bars, lines, label, ticks, format, name}): bars are stacked. Each series is {name, kind, values}, kind is
// its class of colour, and a value of null is a gap. ticks: [[index, text]]; name(index) is the title of a bar. whole:
// only whole numbers stand at the axis.
export function chart(host, { bars = [], lines = [], label, ticks, format, name, whole = false }) {
  const series = [...bars, ...lines];
  const count = series[0].values.length;
  const width = Math.max(200, host.clientWidth - 16);
  const height = innerWidth <= 720 ? 150 : 172;
  const inner = { width: width - LEFT - 4, height: height - BOTTOM - TOP };
  const highest = Math.max(...range(count).map((i) => Math.max(sum(bars, i), ...lines.map((line) => line.values[i] ?? 0))), 0);
  const step = Math.max(stepFor(highest), whole ? 1 : 0);
  const top = Math.max(step, Math.ceil(highest / step - 1e-9) * step);
  const y = (value) => TOP + inner.height * (1 - value / top);
  const x = (i) => LEFT + (i + 0.5) / count * inner.width;

  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (let value = 0; value <= top + step / 1e6; value += step) {
    svg.append(drawn("line", { class: "grid", x1: LEFT, x2: width - 4, y1: y(value), y2: y(value) }));
    svg.append(drawn("text", { class: "end", x: LEFT - 7, y: y(value) + 4 }, format(+value.toPrecision(6))));
  }
  for (const [i, text] of ticks) {
    const place = i === 0 ? "start" : i === count - 1 ? "end" : "middle";
    const at = place === "start" ? LEFT : place === "end" ? width - 4 : x(i);
    svg.append(drawn("text", { class: place, x: at, y: height - 3 }, text));
  }
  for (const i of range(count)) {
    let below = 0;
    for (const { kind, values } of bars) {
      const value = values[i] ?? 0;
      if (value > 0) svg.append(bar(kind, x(i), inner.width / count * 0.72, y(below + value), y(below)));
      below += value;
    }
  }
  for (const { kind, values } of lines) svg.append(...line(kind, values, x, y));
  const cursor = drawn("line", { class: "cursor", y1: TOP, y2: TOP + inner.height });
  const tip = element("div", { class: "tip" });
  svg.append(cursor);
  host.replaceChildren(svg, tip);

  host.onpointermove = (event) => {
    const box = svg.getBoundingClientRect();
    const at = Math.floor(((event.clientX - box.left) / box.width * width - LEFT) / inner.width * count);
    const i = Math.max(0, Math.min(count - 1, at));
    cursor.setAttribute("x1", x(i));
    cursor.setAttribute("x2", x(i));
    say(tip, [name(i), ...series.map((one) => `${one.name}  ${one.values[i] == null ? "–" : format(one.values[i])}`)].join("\n"));
    tip.style.left = `${x(i) > width / 2 ? Math.max(0, x(i) - tip.offsetWidth - 8) : x(i) + 18}px`;
    host.classList.add("pointed");
  };
  host.onpointerleave = () => host.classList.remove("pointed");
}

function bar(kind, x, width, top, bottom) {
  return drawn("rect", { class: kind, x: x - width / 2, width, y: top, height: Math.max(0.5, bottom - top), rx: 1 });
}

// A line with gaps; a value without neighbours is a point.
function line(kind, values, x, y) {
  const found = [];
  let path = "";
  values.forEach((value, i) => {
    if (value == null) return;
    const joined = i > 0 && values[i - 1] != null;
    if (!joined && (i === values.length - 1 || values[i + 1] == null)) found.push(drawn("circle", { class: kind, cx: x(i), cy: y(value), r: 2 }));
    else path += `${joined ? "L" : "M"}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
  });
  return path ? [drawn("path", { class: kind, d: path }), ...found] : found;
}

export function spark(kind, values) {
  const width = 62;
  const height = 24;
  const top = Math.max(...values, 0) || 1;
  const d = values.map((value, i) => `${i ? "L" : "M"}${(i / (values.length - 1) * width).toFixed(1)} ${(height - 2 - value / top * (height - 4)).toFixed(1)}`).join("");
  return drawn("svg", { width, height, "aria-hidden": "true", class: kind }, drawn("path", { d }));
}

export function keys(host, series) {
  host.replaceChildren(...series.map(({ name, kind, value }) => element("span", {}, element("i", { class: kind }), `${name} `, element("b", {}, value ?? ""))));
}

function stepFor(highest) {
  if (highest <= 0) return 1;
  const size = 10 ** Math.floor(Math.log10(highest / 4));
  return STEPS.map((step) => step * size).concat(10 * size).find((step) => highest / step <= 4.2);
}

const range = (count) => Array.from({ length: count }, (_, i) => i);
const sum = (bars, i) => bars.reduce((total, { values }) => total + (values[i] ?? 0), 0);
