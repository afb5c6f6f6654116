// Times, sizes and lengths as people read them, in the words of their browser's language and in its time zone.

const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const date = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const both = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });

/** @typedef {Date|string|number} When */

/** @param {When} when */
export const clock = (when) => time.format(new Date(when));
/** @param {When} when */
export const exactClock = (when) => exact.format(new Date(when));
/** @param {When} when */
export const dayName = (when) => date.format(new Date(when));
/** @param {When|undefined} when */
export const dateTime = (when) => (when ? both.format(new Date(when)) : "–");

/** @param {When} when @param {number} [now] */
export function ago(when, now = Date.now()) {
  const seconds = Math.round((new Date(when).getTime() - now) / 1000);
  for (const [unit, size] of /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([
    ["day", 86_400], ["hour", 3600], ["minute", 60],
  ])) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(seconds, "second");
}

/** @param {number} bytes */
export function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let value = bytes, unit = 0;
  while (value >= 1000 && unit < units.length - 1) { value /= 1000; unit += 1; }
  return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** @param {number} bitsPerSecond */
export function rate(bitsPerSecond) {
  return bitsPerSecond >= 1e6 ? `${(bitsPerSecond / 1e6).toFixed(2)} Mbit/s` : `${Math.round(bitsPerSecond / 1000)} kbit/s`;
}

/** @param {number} seconds */
export function length(seconds) {
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** The begin of the day of `when`, in the browser's time zone. @param {When} when */
export function startOfDay(when) {
  const day = new Date(when);
  day.setHours(0, 0, 0, 0);
  return day;
}

/** Days differ by 23 to 25 hours. @param {Date} day @param {number} days */
export function addDays(day, days) {
  const other = new Date(day);
  other.setDate(other.getDate() + days);
  return other;
}

/** `YYYY-MM-DD` in the browser's time zone, as the platform tells days. @param {Date} day */
export function dayText(day) {
  const two = (number) => String(number).padStart(2, "0");
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}

/** @param {string} text  `YYYY-MM-DD` */
export function dayOf(text) {
  const [year, month, day] = text.split("-").map(Number);
  return new Date(year, month - 1, day);
}

export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;
