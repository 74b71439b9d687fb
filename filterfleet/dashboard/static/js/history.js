// The three charts.

import { chart, keys } from "./charts.js";
import { $ } from "./dom.js";
import { exactly, number, tick } from "./format.js";

export const STAGES = ["queue", "decode", "filter", "encode", "write"];
const NAMES = { queue: "waiting" };
export const stageName = (stage) => NAMES[stage] ?? stage;

const decimal = (value) => (value >= 100 ? number(value) : String(+value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 3)));
const last = (values) => values.findLast((value) => value != null);

export function history({ from, step, done, failed, p50, p95, p99, stages }) {
  const count = done.length;
  const ticks = [0, 0.25, 0.5, 0.75].map((part) => Math.round(part * count)).map((i) => [i, tick(from + i * step, step)]);
  const common = { ticks: [...ticks, [count - 1, "now"]], name: (i) => (i === count - 1 ? "now" : exactly(from + i * step)) };
  const throughput = [{ name: "done", kind: "k-done", values: done }, { name: "failed", kind: "k-failed", values: failed }];
  const unit = step === 60 ? "images a minute" : `images in each ${step >= 3600 ? `${step / 3600} hours` : `${step / 60} minutes`}`;
  chart($("throughput"), { ...common, bars: throughput, label: unit, format: number, whole: true });
  keys($("throughput-keys"), throughput.map((one) => ({ ...one, value: number(one.values.at(-1)) })));
  $("throughput").closest(".card").querySelector(".sub").textContent = unit;

  const latency = [["p99", p99], ["p95", p95], ["p50", p50]].map(([name, values]) => ({ name, kind: `k-${name}`, values }));
  chart($("latency"), { ...common, lines: latency, label: "seconds from sent to finished", format: decimal });
  keys($("latency-keys"), latency.toReversed().map((one) => ({ ...one, value: last(one.values) == null ? "–" : decimal(last(one.values)) })));

  const parts = STAGES.map((stage) => ({ name: stageName(stage), kind: `k-${stage}`, values: stages[stage] }));
  chart($("stages"), { ...common, bars: parts, label: "mean seconds by stage", format: decimal });
  keys($("stages-keys"), parts.map((one) => ({ ...one, value: last(one.values) == null ? "–" : decimal(last(one.values)) })));
}
