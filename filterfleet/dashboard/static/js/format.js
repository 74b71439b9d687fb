// Numbers, sizes, durations and instants for people.

const digits = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const THIN = "\u202f";

export const number = (value) => digits.format(value).replaceAll(",", THIN);

// The noun for this number of things.
export const noun = (count, one, many = `${one}s`) => (count === 1 ? one : many);
export const counted = (count, one) => `${number(count)} ${noun(count, one)}`;

// Three significant digits are enough for a rate.
export const rate = (value) => (value >= 10 ? number(value) : String(+value.toFixed(1)));

export function seconds(value) {
  if (value == null) return "–";
  if (value < 10) return `${value.toFixed(value < 1 ? 2 : 1)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  return span(value);
}

export function span(value) {
  const units = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const [size, unit] = units.find(([size]) => value >= 1.5 * size) ?? units[3];
  const count = Math.max(1, Math.round(value / size));
  return counted(count, unit);
}

export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) { value /= 1024; unit++; }
  return [unit && value < 100 ? value.toFixed(1) : String(Math.round(value)), units[unit]];
}

// --- time zones ----

export const zone = {
  utc: localStorage.getItem("utc") === "yes",
  get name() { return this.utc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "local time"; },
  get isUtc() { return ["UTC", "Etc/UTC", "GMT"].includes(Intl.DateTimeFormat().resolvedOptions().timeZone); },
  toggle() {
    this.utc = !this.utc;
    localStorage.setItem("utc", this.utc ? "yes" : "no");
  },
};

const parts = (options) => {
  const made = {};
  return (at) => {
    const key = zone.utc ? "utc" : "local";
    made[key] ??= new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone.utc ? "UTC" : undefined });
    return made[key].format(new Date(at * 1000));
  };
};
const time = parts({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minute = parts({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = parts({ day: "numeric", month: "short" });
const full = parts({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZoneName: "short" });

// "14:02:07" today, "9 Nov 14:02" before.
export function instant(at) {
  if (!at) return "–";
  return day(at) === day(Date.now() / 1000) ? time(at) : `${day(at)} ${minute(at)}`;
}

export const exactly = (at) => (at ? full(at) : "");
export const tick = (at, step) => (step >= 7200 ? day(at) : minute(at));
