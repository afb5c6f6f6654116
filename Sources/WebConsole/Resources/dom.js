// Elements are made here and nowhere else. Text stays text: no markup is ever made of a string, so what a camera or another
// user called something cannot become part of the page.

/** @typedef {Node|string|number|null|undefined|false|Child[]} Child */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element: `h("button.primary", { type: "button", onclick: save }, "Save")`.
 *
 * A property that the element has is set, everything else becomes an attribute; `on…` is listened to; what is undefined,
 * null or false is left out (`false` of a property is set).
 *
 * @param {string} kind  a tag with classes, as in a selector
 * @param {Record<string, any>|null} [properties]
 * @param {...Child} children
 * @returns {any}
 */
export function h(kind, properties, ...children) {
  const [tag, ...classes] = kind.split(".");
  const element = document.createElement(tag);
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties ?? {})) set(element, name, value);
  element.append(...flat(children));
  return element;
}

function set(element, name, value) {
  if (value === undefined || value === null) return;
  if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
  else if (name === "class") element.classList.add(...String(value).split(" ").filter(Boolean));
  else if (name.includes("-") || !(name in element)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
  } else element[name] = value;
}

/**
 * The same for SVG, whose elements have attributes only.
 * @param {string} tag
 * @param {Record<string, string|number>} [attributes]
 * @param {...Child} children
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...flat(children));
  return element;
}

/** @param {Child[]} children @returns {(Node|string)[]} */
function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : String(child)));
}

/**
 * Puts `children` in the place of what is in `element`.
 * @param {Element} element
 * @param {...Child} children
 */
export function fill(element, ...children) {
  element.replaceChildren(...flat(children));
}

let lastName = 0;

/** A name that no other element has, for `for`, `aria-labelledby` and the like. */
export function freshName(prefix = "e") {
  lastName += 1;
  return `${prefix}${lastName}`;
}

/**
 * Calls `work` each `milliseconds` until `signal` ends it; not while the page is hidden, but at once when it is shown again.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @param {() => void} work
 */
export function repeat(milliseconds, signal, work) {
  const timer = setInterval(() => { if (!document.hidden) work(); }, milliseconds);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) work(); }, { signal });
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

/**
 * Resolves after `milliseconds`, or rejects when `signal` ends it.
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
export function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const end = () => { clearTimeout(timer); reject(signal?.reason); };
    const timer = setTimeout(() => { signal?.removeEventListener("abort", end); resolve(); }, milliseconds);
    signal?.addEventListener("abort", end, { once: true });
  });
}
