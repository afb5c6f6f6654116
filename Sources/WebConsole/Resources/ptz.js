// Moving a camera (docs/api.md, PTZ). A move ends by itself after 2 s: as long as a button is held it is repeated, and its
// release says stop. Requests follow one another, so that a stop is never overtaken by the move before it.

import { deviceAt, get, post } from "./api.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { button, complain, iconButton, say } from "./shell.js";
import { t } from "./texts.js";

const REPEAT = 700;      // Milliseconds; the platform asks for once a second at least.
const PRESETS = 256;     // Table I.2-17.
const PAD = ["upleft", "up", "upright", "left", null, "right", "downleft", "down", "downright"];
const KEYS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right", "+": "zoomin", "=": "zoomin", "-": "zoomout" };
/** Degrees by which the arrow of `up` is turned. */
const TURNS = { up: 0, upright: 45, right: 90, downright: 135, down: 180, downleft: 225, left: 270, upleft: 315 };

class Head {
  #path;
  #signal;
  #timer;
  /** @type {Promise<any>} */
  #last = Promise.resolve();
  /** @type {string|null} */
  #moving = null;
  speed = 40;

  constructor(path, signal) {
    this.#path = path;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.stop(), { once: true });
  }

  move(op) {
    if (this.#moving === op) return;
    clearInterval(this.#timer);
    this.#moving = op;
    this.#send(op);
    this.#timer = setInterval(() => this.#send(op), REPEAT);
  }

  stop() {
    if (!this.#moving) return;
    clearInterval(this.#timer);
    this.#moving = null;
    // Not ended with the page: a camera that goes on turning would be worse than a late answer.
    this.#last = this.#last.then(() => post(this.#path, { op: "stop" })).catch(complain);
  }

  #send(op) {
    this.#last = this.#last.then(() => (this.#moving === op ? post(this.#path, { op, value: this.speed }) : null)).catch((error) => {
      clearInterval(this.#timer);
      this.#moving = null;
      if (!this.#signal.aborted) complain(error);
    });
  }
}

/** @param {string} device @param {number} channel @param {AbortSignal} signal */
export function ptzPanel(device, channel, signal) {
  const path = `${deviceAt(device, channel)}/ptz`;
  const head = new Head(path, signal);
  const pad = h("div.pad", { role: "group", "aria-label": t.ptz.title, tabIndex: 0, "aria-describedby": "ptz-hint" });
  fill(pad, PAD.map((op) => (op ? moveButton(head, op) : h("span.pad-middle", { "aria-hidden": "true" }))));
  const zoom = h("div.zoom", null, moveButton(head, "zoomin"), moveButton(head, "zoomout"));

  pad.addEventListener("keydown", (event) => {
    const op = KEYS[event.key];
    if (!op || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    head.move(op);
  });
  pad.addEventListener("keyup", (event) => { if (KEYS[event.key]) head.stop(); });
  pad.addEventListener("focusout", () => head.stop());
  addEventListener("blur", () => head.stop(), { signal });
  document.addEventListener("visibilitychange", () => { if (document.hidden) head.stop(); }, { signal });

  const speed = h("input", { type: "range", min: "5", max: "100", value: String(head.speed), oninput: () => { head.speed = Number(speed.value); } });
  return h(
    "section.card.ptz", { "aria-label": t.ptz.title },
    h("h2", null, t.ptz.title),
    h("div.pad-row", null, pad, zoom),
    h("label.slider", null, h("span", null, t.ptz.speed), speed),
    h("p.hint", { id: "ptz-hint" }, t.ptz.hint),
    presets(device, channel, path, signal),
  );
}

function moveButton(head, op) {
  const picture = icon(op === "zoomin" ? "plus" : "up");
  if (op === "zoomout") picture.querySelector("path").setAttribute("d", "M5 12h14");
  if (op in TURNS) picture.querySelector("path").setAttribute("transform", `rotate(${TURNS[op]} 12 12)`);
  const made = h("button.icon-only", { type: "button", "aria-label": t.ptz[op], title: t.ptz[op], "data-op": op }, picture);
  made.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    made.setPointerCapture(event.pointerId);
    head.move(op);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) made.addEventListener(end, () => head.stop());
  made.addEventListener("contextmenu", (event) => event.preventDefault());
  // Space and Enter hold like a finger.
  made.addEventListener("keydown", (event) => {
    if (event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    head.move(op);
  });
  made.addEventListener("keyup", (event) => { if (event.key === " " || event.key === "Enter") head.stop(); });
  return made;
}

function presets(device, channel, path, signal) {
  const list = h("ul.chips", { "aria-label": t.ptz.presets });
  let numbers = [];
  const show = () => fill(list, numbers.map((number) => h(
    "li.chip", null,
    h("button.plain", { type: "button", "aria-label": t.ptz.go(number), onclick: () => post(path, { op: "goto_preset", value: number }).catch(complain) }, t.ptz.preset(number)),
    iconButton("close", t.ptz.clear(number), async () => {
      await post(path, { op: "clear_preset", value: number });
      numbers = numbers.filter((other) => other !== number);
      show();
    }, ".plain.small"),
  )));
  get(`${deviceAt(device, channel)}/presets`, {}, signal).then((answer) => { numbers = answer.presets; show(); }, () => {});
  const save = button("bookmark", t.ptz.saveHere, async () => {
    const free = Array.from({ length: PRESETS }, (_, number) => number).find((number) => number > 0 && !numbers.includes(number));
    if (free === undefined) return say(t.ptz.full, "bad");
    await post(path, { op: "set_preset", value: free });
    numbers = [...numbers, free].sort((a, b) => a - b);
    show();
    say(t.ptz.saved(free), "good");
  });
  return h("div.presets", null, h("h3", null, t.ptz.presets), list, save);
}
