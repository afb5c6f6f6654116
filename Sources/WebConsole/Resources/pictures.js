// Pictures of cameras. They need a token, so they are fetched and shown as blobs; who has the newest one is told so in a few
// octets. Nothing is asked for what nobody sees: not while the page is hidden, nor for tiles that are scrolled away.

import { Problem, isAborted, request } from "./api.js";
import { h, repeat } from "./dom.js";
import { ago } from "./format.js";
import { t } from "./texts.js";

const AT_ONCE = 4;         // Requests on their way; browsers allow some dozens of one host, and the rest of the page waits.
const TICK = 1000;

/** What `fetchPicture` waits for its turn in. */
const waiting = [];
let running = 0;

async function turn() {
  if (running < AT_ONCE) { running += 1; return; }
  await new Promise((resolve) => waiting.push(resolve));
}

function done() {
  const next = waiting.shift();
  if (next) next(); else running -= 1;
}

/**
 * @param {string} path @param {Record<string, any>} query @param {AbortSignal} [signal] @param {string} [etag]
 * @returns {Promise<{url: string, etag: string, age: number, time: string|null}|null>}  null: it is the one with `etag`
 */
export async function fetchPicture(path, query, signal, etag) {
  await turn();
  try {
    signal?.throwIfAborted();
    const response = await request("GET", path, { query, signal, headers: etag ? { "If-None-Match": etag } : {} });
    if (response.status === 304) return null;
    return {
      url: URL.createObjectURL(await response.blob()),
      etag: response.headers.get("ETag") ?? "",
      age: Number(response.headers.get("Picture-Age") ?? 0),
      time: response.headers.get("Last-Modified"),
    };
  } finally {
    done();
  }
}

/**
 * The latest picture of a channel, kept up to date for as long as it is seen.
 * @param {{path: string, name: string, signal: AbortSignal, every: () => number}} parts
 *   `every`: seconds between two questions, asked again each time
 */
export function latestPicture({ path, name, signal, every }) {
  const image = h("img", { alt: "", hidden: true, decoding: "async", draggable: false });
  const note = h("span.picture-note", null, t.common.loading);
  const element = h("div.picture", null, image, note);
  let etag = "", url = "", takenAt = 0, next = 0;
  let isSeen = false, isBusy = false;

  async function look() {
    if (!isSeen || isBusy || Date.now() < next) return;
    isBusy = true;
    try {
      const picture = await fetchPicture(path, { width: 640 }, signal, etag);
      if (picture) {
        image.src = picture.url;
        image.alt = name;
        image.hidden = false;
        if (url) URL.revokeObjectURL(url);
        ({ url, etag } = picture);
        takenAt = Date.now() - picture.age * 1000;
      }
      const isOld = Date.now() - takenAt > 60_000;
      note.textContent = isOld ? ago(takenAt) : "";
    } catch (error) {
      if (isAborted(error)) return;
      if (image.hidden) note.textContent = t.cameras.noPicture;
      if (error instanceof Problem && error.retryAfter) next = Date.now() + error.retryAfter * 1000;
    } finally {
      isBusy = false;
      next = Math.max(next, Date.now() + every() * 1000);
    }
  }

  const watcher = new IntersectionObserver((entries) => {
    isSeen = entries[entries.length - 1].isIntersecting;
    look();
  }, { rootMargin: "100px" });
  watcher.observe(element);
  repeat(TICK, signal, look);
  signal.addEventListener("abort", () => { watcher.disconnect(); if (url) URL.revokeObjectURL(url); }, { once: true });
  return { element, refresh: () => { next = 0; look(); } };
}

/** One picture that does not change, such as an alarm's. @param {string} path @param {string} name @param {AbortSignal} [signal] */
export function onePicture(path, name, signal, query = {}) {
  const image = h("img", { alt: name, decoding: "async", loading: "lazy" });
  const element = h("div.picture", null, image);
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watcher.disconnect();
    fetchPicture(path, query, signal).then((picture) => {
      if (!picture) return;
      image.src = picture.url;
      image.onload = () => URL.revokeObjectURL(picture.url);
    }, () => element.classList.add("missing"));
  });
  watcher.observe(element);
  return element;
}
