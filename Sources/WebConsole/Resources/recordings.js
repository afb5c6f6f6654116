// What is recorded of a channel, day by day: the strip, its buttons, and the picture under the pointer.

import { Problem, all, deviceAt, get, isAborted, post, remove } from "./api.js";
import { chooseDay } from "./calendar.js";
import { clipDialog } from "./clip.js";
import { fill, h, repeat } from "./dom.js";
import { addDays, dayName, dayText, exactClock, startOfDay, zone } from "./format.js";
import { icon } from "./icons.js";
import { fetchPicture } from "./pictures.js";
import { button, complain, iconButton, say } from "./shell.js";
import { t } from "./texts.js";
import { Timeline } from "./timeline.js";

const LOOK_EVERY = 15_000;
const SPEEDS = [1, 2, 4, 8];
const POPOVER = 184;  // Pixels, as the style sheet has it.

/**
 * @param {{device: any, channel: number, stage: import("./stage.js").Stage, signal: AbortSignal}} parts
 */
export function recordingsPanel({ device, channel, stage, signal }) {
  const path = `${deviceAt(device.device_id, channel)}/recordings`;
  const timeline = new Timeline(signal);
  const day = h("span.day-name", { "aria-live": "polite" });
  const note = h("p.hint.loss", { role: "status" });
  const peek = new Peek(path, timeline, signal);
  let start = startOfDay(Date.now());
  /** @type {AbortController|null} */
  let loading = null;

  const isToday = () => dayText(start) === dayText(new Date());

  /** @param {boolean} isNew  another day: the strip begins at its middle or at now */
  async function load(isNew) {
    loading?.abort();
    loading = new AbortController();
    const mine = AbortSignal.any([signal, loading.signal]);
    const range = { from: start.toISOString(), to: addDays(start, 1).toISOString() };
    day.textContent = isToday() ? t.timeline.today : dayName(start);
    next.disabled = isToday();
    try {
      const [found, alarms] = await Promise.all([
        readAll(path, range, mine), all("/alarms", { device: device.device_id, channel, ...range }, mine, 1000),
      ]);
      const span = { start: start.getTime(), end: addDays(start, 1).getTime() };
      const ranges = found.items.map((item) => ({ start: Date.parse(item.start), end: Date.parse(item.end) }));
      timeline.show(span, ranges, alarms.map(markOf).sort((a, b) => a.start - b.start));
      stage.setDay(span, ranges);
      if (isNew && !stage.isRecorded) timeline.time = isToday() ? Date.now() : span.start + 12 * 3600e3;
      fill(note, noteOf(found, ranges));
    } catch (error) {
      if (!isAborted(error)) fill(note, error instanceof Problem && error.type === "no-right" ? t.timeline.noRight : error.message);
    }
  }

  async function goTo(other) {
    start = startOfDay(other > new Date() ? new Date() : other);
    await load(true);
  }

  async function seek(moment) {
    const wanted = startOfDay(moment);
    if (dayText(wanted) !== dayText(start)) { start = wanted; await load(false); }
    stage.playAt(moment);
  }

  const previous = iconButton("back", t.timeline.previousDay, () => goTo(addDays(start, -1)), ".plain");
  const next = iconButton("next", t.timeline.nextDay, () => goTo(addDays(start, 1)), ".plain");
  const calendar = iconButton("calendar", t.timeline.calendar, async () => {
    const chosen = await chooseDay(start, async (month) => new Set((await get(`${path}/days`, { month, zone: zone() }, signal)).days));
    if (chosen) await goTo(chosen);
  }, ".plain");
  const alarm = (direction) => () => {
    const mark = timeline.neighbour(direction);
    if (mark) seek(mark.start - 3000);
  };
  const speed = h(
    "select", { "aria-label": t.timeline.speed, onchange: () => stage.setSpeed(Number(speed.value)) },
    SPEEDS.map((number) => h("option", { value: number }, t.timeline.times(number))),
  );
  const clip = () => clipDialog({ device: device.device_id, channel, moment: timeline.time, mayKeep: device.role !== "guest" }).then(() => load(false));

  timeline.addEventListener("seek", ({ detail }) => { timeline.time = detail; seek(detail); });
  stage.addEventListener("time", () => { timeline.time = stage.time; }, { signal });
  repeat(LOOK_EVERY, signal, () => { if (isToday()) load(false); });
  load(true);

  const element = h(
    "section.card.recordings", { "aria-label": t.timeline.title },
    h(
      "div.row.between", null,
      h("div.row", null, previous, day, next, calendar),
      h(
        "div.row", null, alarmButton(-1, alarm), alarmButton(1, alarm),
        iconButton("plus", t.timeline.zoomIn, () => timeline.zoom(0.5), ".plain.wide-only"), zoomOut(timeline), speed, button("download", t.timeline.clip, clip),
      ),
    ),
    h("div.strip-place", null, timeline.element, peek.element),
    h("p.hint.keys", { id: "timeline-hint" }, t.timeline.hint), note,
  );
  return { element, seek, refresh: () => load(false) };
}

function alarmButton(direction, alarm) {
  const made = iconButton("bell", direction < 0 ? t.timeline.previousAlarm : t.timeline.nextAlarm, alarm(direction), ".plain.pair");
  if (direction < 0) made.prepend(icon("back")); else made.append(icon("next"));
  return made;
}

function zoomOut(timeline) {
  const made = iconButton("plus", t.timeline.zoomOut, () => timeline.zoom(2), ".plain.wide-only");
  made.querySelector("path").setAttribute("d", "M5 12h14");
  return made;
}

/** The timeline of a range that has more segments than one answer. */
async function readAll(path, range, signal) {
  const whole = await get(path, range, signal);
  for (let from = whole.next_from; from; ) {
    const part = await get(path, { ...range, from }, signal);
    whole.items.push(...part.items);
    from = part.next_from;
  }
  return whole;
}

function markOf(alarm) {
  const start = Date.parse(alarm.started_at);
  return { start, end: Date.parse(alarm.ended_at ?? alarm.started_at), id: alarm.alarm_id, type: alarm.type };
}

function noteOf(found, ranges) {
  const count = found.lost.reduce((sum, one) => sum + one.dropped_nb, 0);
  const seconds = found.lost.reduce((sum, one) => sum + one.dropped_time, 0);
  return [
    !ranges.length && t.timeline.nothing, count > 0 && t.timeline.lost(count, seconds), !found.alarms_complete && t.timeline.alarmsIncomplete,
  ].filter(Boolean).join(" ");
}

/** The picture of the moment under the pointer: the latest question counts, one at a time. */
class Peek {
  #wanted = null;
  #isBusy = false;

  constructor(path, timeline, signal) {
    this.path = path;
    this.timeline = timeline;
    this.signal = signal;
    this.image = h("img", { alt: "" });
    this.text = h("span");
    this.element = h("div.peek", { hidden: true, "aria-hidden": "true" }, this.image, this.text);
    timeline.addEventListener("point", ({ detail }) => this.#point(detail));
  }

  #point(place) {
    this.#wanted = place;
    this.element.hidden = !place;
    if (!place) return;
    const width = this.timeline.element.clientWidth;
    this.element.style.left = `${Math.min(Math.max(0, place.x - POPOVER / 2), width - POPOVER)}px`;
    this.text.textContent = exactClock(place.moment);
    this.image.hidden = !this.timeline.isRecorded(place.moment);
    if (!this.image.hidden) this.#load();
  }

  async #load() {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      while (this.#wanted) {
        const { moment } = this.#wanted;
        const picture = await fetchPicture(`${this.path}/picture`, { at: new Date(moment).toISOString(), width: 320 }, this.signal);
        if (picture) {
          this.image.src = picture.url;
          await this.image.decode().catch(() => {});
          URL.revokeObjectURL(picture.url);
        }
        if (!this.#wanted || Math.abs(this.#wanted.moment - moment) < 500) break;
      }
    } catch {
      // A picture that cannot be had leaves the time.
    } finally {
      this.#isBusy = false;
    }
  }
}

/**
 * Begins and ends a recording by command (docs/api.md, Recording).
 * @param {{device: any, channel: number, signal: AbortSignal, changed: () => void}} parts
 */
export function recordButton({ device, channel, signal, changed }) {
  const path = `${deviceAt(device.device_id, channel)}/record`;
  let isWanted = false;
  const made = iconButton("record", t.live.record, async () => {
    show(isWanted ? await remove(path) : await post(path, {}), true);
    changed();
  }, ".record");
  made.setAttribute("aria-pressed", "false");

  function show(answer, isNews = false) {
    const was = isWanted;
    isWanted = Boolean(answer?.wanted_by?.includes("command"));
    made.setAttribute("aria-pressed", String(isWanted));
    made.setAttribute("aria-label", isWanted ? t.live.stopRecord : t.live.record);
    made.title = isWanted ? t.live.stopRecord : t.live.record;
    made.classList.toggle("on", answer?.state === "recording");
    if (isNews && was !== isWanted) say(isWanted ? t.live.starts : t.live.stops, "good");
  }
  const look = () => get(path, {}, signal).then((answer) => show(answer), (error) => { if (!(error instanceof Problem)) complain(error); });
  look();
  return { element: made, look };
}
