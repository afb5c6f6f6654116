// What surrounds every page: header, menu, dialogs, messages. Pages know this; this knows no page.

import { Problem, isAborted } from "./api.js";
import { fill, freshName, h } from "./dom.js";
import { icon } from "./icons.js";
import { session } from "./session.js";
import { t } from "./texts.js";

const MESSAGE_TIME = 7000;
const MOST_MESSAGES = 4;

const main = h("main", { id: "content", tabIndex: -1 });
const messages = h("div.messages", { role: "status", "aria-live": "polite", "aria-label": "Messages" });
const alarms = h("div.messages.alarms", { role: "alert", "aria-live": "assertive" });
const menu = h("nav.menu", { "aria-label": t.menu });
const header = h(
  "header.top", null,
  h("a.brand", { href: "#/", "aria-label": t.product }, brand(), h("span", null, t.product)),
  menu,
);

function brand() {
  return h("img", { src: new URL("icon.svg", import.meta.url).pathname, alt: "", width: 30, height: 30 });
}

/** Once, at the begin. */
export function build() {
  const skip = h("a.skip", { href: "#content", onclick: (event) => { event.preventDefault(); main.focus(); } }, t.skip);
  document.body.append(skip, header, main, h("div.corner", null, messages, alarms));
}

/** @param {{href: string, text: string, icon: any}[]} entries @param {string} current */
export function showMenu(entries, current) {
  document.body.classList.toggle("anonymous", !entries.length);
  fill(
    menu,
    entries.map((entry) => h(
      "a", { href: entry.href, "aria-current": isAt(entry.href, current) ? "page" : null },
      icon(entry.icon), h("span", null, entry.text),
    )),
    entries.length && h(
      "button.plain", { type: "button", title: t.nav.logOut, onclick: () => session.logOut() },
      icon("exit"), h("span", null, t.nav.logOut),
    ),
  );
}

const isAt = (href, current) => (href === "#/" ? current === "#/" || current.startsWith("#/cameras") : current.startsWith(href));

/** @param {Element} page @param {string} title @param {boolean} moveFocus  after a step of the user, not at the begin */
export function showPage(page, title, moveFocus) {
  document.title = `${title} – ${t.product}`;
  fill(main, page);
  scrollTo(0, 0);
  if (moveFocus) main.focus({ preventScroll: true });
}

/** @param {string} title @param {...any} actions */
export function heading(title, ...actions) {
  return h("div.heading", null, h("h1", null, title), actions.length ? h("div.actions", null, actions) : null);
}

/** @param {import("./dom.js").Child} text @param {"plain"|"good"|"bad"} [mood] */
export function say(text, mood = "plain") {
  show(messages, h(`div.message.${mood}`, null, text));
}

/** An alarm interrupts a screen reader; other messages wait. @param {Element} card */
export function sayAlarm(card) {
  show(alarms, card, 3 * MESSAGE_TIME);
}

function show(place, message, time = MESSAGE_TIME) {
  const close = () => message.remove();
  message.append(h("button.plain.small", { type: "button", "aria-label": t.common.close, onclick: close }, icon("close")));
  while (place.children.length >= MOST_MESSAGES) place.firstElementChild.remove();
  place.append(message);
  // Who points at a message or has the focus in it reads it.
  const end = () => (message.matches(":hover, :focus-within") ? setTimeout(end, 1000) : close());
  setTimeout(end, time);
}

/** What a form has against what was typed: its words are for people as they stand. */
export class Complaint extends Error {}

/** @param {unknown} error */
export function wordsFor(error) {
  if (error instanceof Complaint) return error.message;
  if (error instanceof Problem) {
    if (error.status === 404 && error.type === "about:blank") return t.errors.notFound;
    return error.message;
  }
  if (error instanceof TypeError) return t.errors.offline;
  return t.errors.unknown(error instanceof Error ? error.message : String(error));
}

/** @param {unknown} error */
export function complain(error) {
  if (!isAborted(error) && session.user) say(wordsFor(error), "bad");
}

/**
 * Runs what a button stands for: not twice at once, and says why it failed.
 * @param {HTMLButtonElement|HTMLInputElement|null} button @param {() => Promise<any>} work
 */
export async function act(button, work) {
  if (button?.getAttribute("aria-busy") === "true") return;
  button?.setAttribute("aria-busy", "true");
  try {
    return await work();
  } catch (error) {
    complain(error);
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

/** @param {any} name @param {string} text @param {(button: HTMLButtonElement) => any} work @param {string} [kind] */
export function button(name, text, work, kind = "") {
  const made = h(`button${kind}`, { type: "button" }, name && icon(name), h("span", null, text));
  made.addEventListener("click", () => act(made, async () => work(made)));
  return made;
}

/** A button that is a picture; `text` is what it is called. */
export function iconButton(name, text, work, kind = "") {
  const made = h(`button.icon-only${kind}`, { type: "button", "aria-label": text, title: text }, icon(name));
  made.addEventListener("click", () => act(made, async () => work(made)));
  return made;
}

/**
 * @param {string} title @param {(close: () => void) => any} content
 * @returns {Promise<void>}  when it is closed
 */
export function dialog(title, content) {
  const name = freshName("title");
  const box = h("dialog", { "aria-labelledby": name });
  const close = () => box.close();
  box.append(h(
    "div.sheet", null,
    h("div.heading", null, h("h2", { id: name }, title), iconButton("close", t.common.close, close, ".plain")),
    content(close),
  ));
  document.body.append(box);
  box.addEventListener("click", (event) => { if (event.target === box) close(); });
  box.showModal();
  return new Promise((resolve) => {
    box.addEventListener("close", () => { box.remove(); resolve(); });
  });
}

/** @param {string} title @param {string} text @param {string} verb @returns {Promise<boolean>} */
export async function confirm(title, text, verb) {
  let isSure = false;
  await dialog(title, (close) => [
    h("p", null, text),
    h(
      "div.row.end", null,
      button(null, t.common.cancel, close),
      button(null, verb, () => { isSure = true; close(); }, ".danger"),
    ),
  ]);
  return isSure;
}

/**
 * A form whose fields have labels above them, and whose failure stands in it.
 * @param {{fields: any[], verb: string, work: (form: HTMLFormElement) => Promise<any>, kind?: string}} parts
 */
export function form({ fields, verb, work, kind = "" }) {
  const failure = h("p.failure", { role: "alert" });
  const submit = h("button.primary", { type: "submit" }, verb);
  const element = h("form.fields", { class: kind, noValidate: false }, fields, failure, h("div.row.end", null, submit));
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    fill(failure);
    act(submit, async () => {
      try { await work(element); } catch (error) { if (!isAborted(error)) fill(failure, wordsFor(error)); }
    });
  });
  return element;
}

/** @param {string} text @param {HTMLElement} input @param {string} [hint] */
export function field(text, input, hint) {
  input.id ||= freshName("field");
  const hintName = hint && freshName("hint");
  if (hintName) input.setAttribute("aria-describedby", hintName);
  return h("div.field", null, h("label", { htmlFor: input.id }, text), input, hint && h("p.hint", { id: hintName }, hint));
}

/** @param {string} text @param {HTMLInputElement} input */
export function check(text, input) {
  return h("label.check", null, input, h("span", null, text));
}

/** @param {string} text @param {import("./dom.js").Child} [more] */
export const notice = (text, more) => h("div.notice", null, h("p", null, text), more);
