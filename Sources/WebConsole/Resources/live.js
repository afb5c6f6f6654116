// A live picture: fragmented MP4 over a WebSocket through Media Source Extensions (docs/api.md, Over a WebSocket), and HLS
// by the browser itself where there are none, or where a proxy lets no WebSocket through.

import { Problem, isAborted } from "./api.js";
import { pause } from "./dom.js";
import { wordsFor } from "./shell.js";
import { t } from "./texts.js";

const LONGEST_DELAY = 1.5;    // Seconds behind the newest picture: from here on it plays a little faster,
const JUMP_DELAY = 5;         // and from here on it jumps.
const KEPT = 20;              // Seconds that stay in the buffer behind what is shown.
const MOST_QUEUED = 32e6;     // Octets that wait for the buffer: beyond, it begins anew.
const LONGEST_WAIT = 15_000;  // Between two attempts.
const HIDDEN_TIME = 60_000;   // A page that nobody looks at gives the camera back.
const BROKEN_SOCKETS = 2;     // That opened and brought nothing: then it is HLS.

/** Safari on phones has the managed form only. */
const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;

/** Tells `state`, with `{state, text}`: connecting, playing, waiting, ended. */
export class LivePlayer extends EventTarget {
  #video;
  #ask;
  /** @type {AbortController|null} */
  #life = null;
  #brokenSockets = 0;
  /** Stopped because nobody looked: it goes on when somebody does. */
  #wasLeft = false;
  /** @type {{bytes: number, since: number, reconnects: number, mime: string, way: string, omitted?: string}} */
  figures = { bytes: 0, since: performance.now(), reconnects: 0, mime: "", way: "" };

  /**
   * @param {HTMLVideoElement} video
   * @param {(rendition: string, signal: AbortSignal) => Promise<any>} ask  for the addresses; each is good for a minute
   */
  constructor(video, ask) {
    super();
    this.#video = video;
    this.#ask = ask;
  }

  get isRunning() { return this.#life !== null; }

  /** @param {string} rendition  or `auto`: the original, or what browsers play where this one does not */
  start(rendition) {
    this.stop();
    this.#life = new AbortController();
    const { signal } = this.#life;
    this.figures = { bytes: 0, since: performance.now(), reconnects: 0, mime: "", way: "" };
    this.#run(rendition, signal).catch((error) => { if (!isAborted(error)) this.#say("ended", wordsFor(error)); });
    this.#watchVisibility(rendition, signal);
  }

  stop() {
    this.#wasLeft = false;
    this.#end();
  }

  #end() {
    if (!this.#life) return;
    this.#life.abort(new DOMException("stopped", "AbortError"));
    this.#life = null;
    empty(this.#video);
  }

  #watchVisibility(rendition, signal) {
    let timer;
    const comeBack = () => { if (this.#wasLeft) this.start(rendition); };
    const leave = () => {
      this.#end();
      this.#wasLeft = true;
      document.addEventListener("visibilitychange", comeBack, { once: true });
    };
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(leave, HIDDEN_TIME);
    }, { signal });
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  }

  async #run(rendition, signal) {
    let wanted = rendition === "auto" ? "original" : rendition;
    for (let failures = 0; ; ) {
      if (failures === 0 && !this.figures.reconnects) this.#say("connecting", t.live.connecting);
      /** @type {End} */
      let end;
      try {
        const { play } = await this.#ask(wanted, signal);
        end = await this.#show(play, signal);
      } catch (error) {
        if (isAborted(error)) throw error;
        const isFinal = error instanceof Problem && [401, 403, 404, 409, 501].includes(error.status);
        end = { why: wordsFor(error), isFinal, after: error instanceof Problem ? error.retryAfter : undefined };
      }
      signal.throwIfAborted();
      if (end.isUnplayable && rendition === "auto" && wanted === "original") { wanted = "compatible"; continue; }
      if (end.isFinal || end.isUnplayable) { empty(this.#video); return this.#say("ended", end.why); }
      failures = end.played ? 1 : failures + 1;
      this.figures.reconnects += 1;
      this.#say("waiting", t.live.reconnecting(end.why));
      const wait = Math.max((end.after ?? 0) * 1000, Math.min(LONGEST_WAIT, 300 * 2 ** failures));
      await pause(wait * (0.75 + Math.random() / 4), signal);
    }
  }

  /** @typedef {{why: string, isFinal?: boolean, isUnplayable?: boolean, played?: boolean, after?: number}} End */

  /** @param {{ws: string, hls: string}} play @returns {Promise<End>} */
  #show(play, signal) {
    const life = new AbortController();
    const both = AbortSignal.any([signal, life.signal]);
    const byHLS = !Source || this.#brokenSockets >= BROKEN_SOCKETS;
    this.figures.way = byHLS ? "HLS" : "WebSocket";
    const work = byHLS ? this.#showHLS(play.hls, both) : new SocketPicture(this.#video, this.figures, (...what) => this.#say(...what))
      .show(play.ws, both);
    return work.then((end) => {
      if (!byHLS) this.#brokenSockets = end.played || end.isFinal || end.isUnplayable ? 0 : this.#brokenSockets + 1;
      return end;
    }).finally(() => life.abort());
  }

  /** @returns {Promise<End>} */
  #showHLS(address, signal) {
    const video = this.#video;
    if (!video.canPlayType("application/vnd.apple.mpegurl")) {
      this.#brokenSockets = 0;
      return Promise.resolve({ why: t.errors.offline });
    }
    return new Promise((resolve) => {
      let played = false;
      video.src = address;
      video.addEventListener("playing", () => { played = true; this.#say("playing", ""); }, { signal });
      video.addEventListener("error", () => resolve({ why: video.error?.message ?? "", played }), { signal });
      video.addEventListener("ended", () => resolve({ why: "", played }), { signal });
      signal.addEventListener("abort", () => resolve({ why: "" }), { once: true });
      play(video);
    });
  }

  #say(state, text) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state, text } }));
  }
}

/** One connection: its times begin anew, and so does the buffer. */
class SocketPicture {
  #queue = [];
  #queued = 0;
  /** @type {SourceBuffer|null} */
  #buffer = null;
  #hasPicture = false;
  #end = (_) => {};

  constructor(video, figures, say) {
    Object.assign(this, { video, figures, say });
  }

  /** @param {string} address @param {AbortSignal} signal @returns {Promise<End>} */
  show(address, signal) {
    return new Promise((resolve) => {
      const socket = new WebSocket(address);
      socket.binaryType = "arraybuffer";
      this.#end = (end) => { resolve({ played: this.#hasPicture, ...end }); socket.close(); };
      socket.onmessage = ({ data }) => this.#take(data);
      // 1008: who watches may not any more (docs/api.md); the words are those of its table.
      socket.onclose = ({ code, reason }) => this.#end({ why: code === 1008 ? t.live.ended(reason) : reason, isFinal: code === 1008 });
      signal.addEventListener("abort", () => this.#end({ why: "" }), { once: true });
      this.#openSource(signal);
      const timer = setInterval(() => this.#keepUp(), 250);
      signal.addEventListener("abort", () => clearInterval(timer), { once: true });
      this.video.addEventListener("error", () => this.#end({ why: this.video.error?.message ?? "" }), { signal });
    });
  }

  #openSource(signal) {
    const source = this.source = new Source();
    const url = URL.createObjectURL(source);
    source.addEventListener("sourceopen", () => { URL.revokeObjectURL(url); this.#pump(); }, { once: true, signal });
    this.video.disableRemotePlayback = true;
    this.video.src = url;
  }

  #take(data) {
    if (typeof data === "string") {
      const { mime, omitted } = JSON.parse(data);
      if (!Source.isTypeSupported(mime)) return this.#end({ why: t.timeline.unsupported, isUnplayable: true });
      Object.assign(this.figures, { mime, omitted });
      this.#queue.push({ mime });
    } else {
      this.figures.bytes += data.byteLength;
      this.#queue.push({ data });
      this.#queued += data.byteLength;
      if (this.#queued > MOST_QUEUED) return this.#end({ why: "" });
    }
    this.#pump();
  }

  /** One thing at a time: a buffer takes the next one when it has taken the last. */
  #pump() {
    if (this.source.readyState !== "open" || this.#buffer?.updating) return;
    const next = this.#queue[0];
    if (!next) return;
    try {
      if (next.data) this.#buffer?.appendBuffer(next.data);
      else if (this.#buffer) this.#buffer.changeType(next.mime);
      else {
        this.#buffer = this.source.addSourceBuffer(next.mime);
        this.#buffer.addEventListener("updateend", () => { this.#forget(KEPT); this.#pump(); });
      }
      this.#queue.shift();
      this.#queued -= next.data?.byteLength ?? 0;
      if (!next.data) this.#pump();
    } catch (error) {
      if (error instanceof DOMException && error.name === "QuotaExceededError") this.#forget(1);
      else this.#end({ why: String(error instanceof Error ? error.message : error) });
    }
  }

  #forget(kept) {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || this.source.readyState !== "open") return;
    const ranges = buffer.buffered;
    const end = this.video.currentTime - kept;
    // Not with each fragment: half of what is kept at once.
    if (ranges.length && end - ranges.start(0) > kept / 2) buffer.remove(ranges.start(0), end);
  }

  /** Near to the newest picture, over whatever is missing: skipped because this viewer was slow, or at the begin. */
  #keepUp() {
    const { video } = this;
    const ranges = video.buffered;
    if (!ranges.length) return;
    const last = ranges.length - 1;
    const delay = ranges.end(last) - video.currentTime;
    if (delay > JUMP_DELAY || video.currentTime < ranges.start(last) - 0.05) {
      video.currentTime = Math.max(ranges.start(last), ranges.end(last) - LONGEST_DELAY / 2);
    }
    video.playbackRate = delay > LONGEST_DELAY ? 1.1 : 1;
    if (this.#hasPicture) return;
    this.#hasPicture = true;
    play(video).then((isPlaying) => this.say("playing", isPlaying ? "" : t.live.pressPlay));
  }
}

/**
 * Browsers let a page begin to sound only after it was touched: then it plays without sound.
 * @param {HTMLVideoElement} video
 */
export async function play(video) {
  try {
    await video.play();
    return true;
  } catch {
    if (video.muted) return false;
    video.muted = true;
    return video.play().then(() => true, () => false);
  }
}

/** @param {HTMLVideoElement} video */
export function empty(video) {
  video.removeAttribute("src");
  video.load();
}

/** Seconds between what is shown and the newest picture that is here. @param {HTMLVideoElement} video */
export function delayOf(video) {
  const ranges = video.buffered;
  return ranges.length ? Math.max(0, ranges.end(ranges.length - 1) - video.currentTime) : 0;
}
