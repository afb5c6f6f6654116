// The day of a camera as a strip: what is recorded, what is missing, alarms, and where one is. A slider for keyboards and
// screen readers; wheel and two fingers zoom, a drag moves the view, a press jumps.

import { h, svg } from "./dom.js";
import { exactClock, clock } from "./format.js";
import { t } from "./texts.js";

const SHORTEST = 120_000;   // Milliseconds that the strip shows when it is zoomed in all the way.
const DRAG = 5;             // Pixels from which on a press is a drag.
const STEPS = [60_000, 300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 14_400_000, 21_600_000];
const LABEL_ROOM = 70;      // Pixels between two times.
const HEIGHT = 64;

/** @typedef {{start: number, end: number}} Range */
/** @typedef {{start: number, end: number, id: string, type: number}} Mark */

/** Tells `seek` (`detail`: the moment, in milliseconds) and `point` (`{moment, x}`, or null when the pointer left). */
export class Timeline extends EventTarget {
  /** @type {Range} */
  #day = { start: 0, end: 1 };
  /** @type {Range} */
  #view = { start: 0, end: 1 };
  /** @type {Range[]} */
  #ranges = [];
  /** @type {Mark[]} */
  #marks = [];
  #time = 0;
  #width = 600;
  /** @type {Map<number, {x: number}>} */
  #fingers = new Map();
  #drag = { x: 0, view: { start: 0, end: 1 }, span: 0, isDrag: false };

  /** @param {AbortSignal} signal */
  constructor(signal) {
    super();
    this.drawing = svg("svg", { class: "strip", height: HEIGHT, "aria-hidden": "true", focusable: "false" });
    this.element = h("div.timeline", {
      role: "slider", tabIndex: 0, "aria-label": t.timeline.slider, "aria-orientation": "horizontal", "aria-describedby": "timeline-hint",
    }, this.drawing);
    const size = new ResizeObserver(([entry]) => { this.#width = Math.max(100, entry.contentRect.width); this.#draw(); });
    size.observe(this.element);
    signal.addEventListener("abort", () => size.disconnect(), { once: true });
    this.#listen();
  }

  /** @param {Range} day @param {Range[]} ranges @param {Mark[]} marks */
  show(day, ranges, marks) {
    if (day.start !== this.#day.start) this.#view = { ...day };
    Object.assign(this.#day, day);
    this.#ranges = ranges;
    this.#marks = marks;
    this.#draw();
  }

  get time() { return this.#time; }
  get marks() { return this.#marks; }

  /** Where one is; the view follows what plays. @param {number} time */
  set time(time) {
    const { start, end } = this.#view;
    const wasVisible = this.#time >= start && this.#time <= end;
    this.#time = time;
    if (wasVisible && !this.#fingers.size && (time > end || time < start)) this.#look(time - (end - start) / 2, end - start);
    this.#say();
    this.#place();
  }

  /** @param {number} factor  below 1 it shows less @param {number} [middle] */
  zoom(factor, middle = this.#time) {
    const span = this.#view.end - this.#view.start;
    const wanted = Math.min(this.#day.end - this.#day.start, Math.max(SHORTEST, span * factor));
    const inside = middle >= this.#view.start && middle <= this.#view.end ? middle : (this.#view.start + this.#view.end) / 2;
    this.#look(inside - ((inside - this.#view.start) / span) * wanted, wanted);
  }

  showAll() { this.#look(this.#day.start, this.#day.end - this.#day.start); }

  /** The alarm before or after where one is. @param {1|-1} direction */
  neighbour(direction) {
    const others = this.#marks.filter((mark) => (direction > 0 ? mark.start > this.#time + 1500 : mark.start < this.#time - 3000));
    return direction > 0 ? others[0] : others[others.length - 1];
  }

  isRecorded(moment) { return this.#ranges.some((range) => moment >= range.start && moment < range.end); }

  #look(start, span) {
    const most = this.#day.end - this.#day.start;
    span = Math.min(most, span);
    start = Math.min(Math.max(start, this.#day.start), this.#day.end - span);
    this.#view = { start, end: start + span };
    this.#draw();
  }

  #x(moment) { return ((moment - this.#view.start) / (this.#view.end - this.#view.start)) * this.#width; }
  #moment(x) { return this.#view.start + (x / this.#width) * (this.#view.end - this.#view.start); }

  #draw() {
    const width = this.#width;
    const parts = [svg("rect", { class: "strip-ground", x: 0, y: 8, width, height: 30, rx: 6 })];
    const inView = (range) => range.end >= this.#view.start && range.start <= this.#view.end;
    for (const range of this.#ranges.filter(inView)) parts.push(this.#bar("strip-recorded", range, 8, 30, 2));
    for (const mark of this.#marks.filter(inView)) parts.push(this.#bar("strip-alarm", mark, 4, 38, 4));
    const now = Date.now();
    if (now < this.#day.end) parts.push(this.#bar("strip-future", { start: now, end: this.#day.end }, 8, 30, 0));
    parts.push(...this.#hours());
    this.head = svg("g", { class: "strip-head" }, svg("line", { x1: 0, x2: 0, y1: 0, y2: 44 }), svg("circle", { cx: 0, cy: 4, r: 5 }));
    this.drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.drawing.setAttribute("width", String(width));
    this.drawing.replaceChildren(...parts, this.head);
    this.#place();
  }

  #bar(kind, range, y, height, least) {
    const from = Math.max(0, this.#x(range.start)), to = Math.min(this.#width, this.#x(range.end));
    return svg("rect", { class: kind, x: from.toFixed(1), y, width: Math.max(least, to - from).toFixed(1), height, rx: Math.min(2, height) });
  }

  #hours() {
    const span = this.#view.end - this.#view.start;
    const step = STEPS.find((step) => (step / span) * this.#width >= LABEL_ROOM) ?? STEPS[STEPS.length - 1];
    const parts = [];
    for (let moment = this.#day.start; moment <= this.#day.end; moment += step) {
      const x = this.#x(moment);
      if (x < 0 || x > this.#width) continue;
      parts.push(svg("line", { class: "strip-tick", x1: x, x2: x, y1: 38, y2: 43 }));
      // At the edges there is no room for half of a time.
      if (x < LABEL_ROOM / 2 || x > this.#width - LABEL_ROOM / 2) continue;
      parts.push(svg("text", { class: "strip-time", x: x.toFixed(1), y: 57, "text-anchor": "middle" }, clock(moment)));
    }
    return parts;
  }

  #place() {
    const x = this.#x(this.#time);
    this.head?.setAttribute("transform", `translate(${x.toFixed(1)} 0)`);
    this.head?.classList.toggle("outside", x < -1 || x > this.#width + 1);
  }

  #say() {
    const { element } = this;
    element.setAttribute("aria-valuemin", "0");
    element.setAttribute("aria-valuemax", String(Math.round((this.#day.end - this.#day.start) / 1000)));
    element.setAttribute("aria-valuenow", String(Math.round((this.#time - this.#day.start) / 1000)));
    element.setAttribute("aria-valuetext", `${exactClock(this.#time)}, ${this.isRecorded(this.#time) ? t.timeline.recorded : t.timeline.gap}`);
  }

  #seek(moment) {
    const inDay = Math.min(Math.max(moment, this.#day.start), Math.min(this.#day.end, Date.now()));
    this.dispatchEvent(new CustomEvent("seek", { detail: inDay }));
  }

  #listen() {
    const { element } = this;
    const place = (event) => event.clientX - element.getBoundingClientRect().left;
    element.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      element.setPointerCapture(event.pointerId);
      this.#fingers.set(event.pointerId, { x: place(event) });
      this.#beginDrag(place(event));
    });
    element.addEventListener("pointermove", (event) => {
      const x = place(event);
      if (this.#fingers.has(event.pointerId)) {
        this.#fingers.set(event.pointerId, { x });
        this.#moveView(x);
      }
      this.dispatchEvent(new CustomEvent("point", { detail: { moment: this.#moment(x), x } }));
    });
    element.addEventListener("pointerleave", () => this.dispatchEvent(new CustomEvent("point", { detail: null })));
    element.addEventListener("pointerup", (event) => {
      const wasPress = this.#fingers.size === 1 && !this.#drag.isDrag;
      if (this.#fingers.delete(event.pointerId) && wasPress) this.#seek(this.#moment(place(event)));
      if (this.#fingers.size === 1) this.#beginDrag([...this.#fingers.values()][0].x, true);
    });
    element.addEventListener("pointercancel", (event) => this.#fingers.delete(event.pointerId));
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      const span = this.#view.end - this.#view.start;
      if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        this.#look(this.#view.start + ((event.deltaX || event.deltaY) / this.#width) * span, span);
      } else this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.#moment(place(event)));
    }, { passive: false });
    element.addEventListener("keydown", (event) => this.#key(event));
  }

  #beginDrag(x, isDrag = false) {
    const xs = [...this.#fingers.values()].map((finger) => finger.x);
    this.#drag = { x, view: { ...this.#view }, span: xs.length === 2 ? Math.abs(xs[0] - xs[1]) : 0, isDrag: isDrag || xs.length > 1 };
  }

  #moveView(x) {
    const { view, span } = this.#drag;
    const length = view.end - view.start;
    if (this.#fingers.size === 2) {
      const [one, two] = [...this.#fingers.values()];
      const apart = Math.max(20, Math.abs(one.x - two.x));
      const middle = view.start + (((one.x + two.x) / 2) / this.#width) * length;
      const wanted = Math.max(SHORTEST, (length * Math.max(20, span)) / apart);
      return this.#look(middle - ((one.x + two.x) / 2 / this.#width) * wanted, wanted);
    }
    if (Math.abs(x - this.#drag.x) > DRAG) this.#drag.isDrag = true;
    if (this.#drag.isDrag) this.#look(view.start - ((x - this.#drag.x) / this.#width) * length, length);
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 60_000 : 10_000;
    const moves = { ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageUp: 600_000, PageDown: -600_000 };
    if (event.key in moves) this.#seek(this.#time + moves[event.key]);
    else if (event.key === "Home") this.#seek(this.#ranges[0]?.start ?? this.#day.start);
    else if (event.key === "End") this.#seek((this.#ranges[this.#ranges.length - 1]?.end ?? this.#day.end) - 5000);
    else if (event.key === "+" || event.key === "=") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
    else return;
    event.preventDefault();
  }
}
