// Playing what is recorded, from any moment on, at any speed.
//
// The platform makes one MP4 of any range while it sends it (`export.mp4`, exact to the picture). It is fragmented, so its
// body goes into a source buffer as it comes, and a jump is another request. Browsers without Media Source Extensions play
// the platform's HLS by themselves.

import { Problem, deviceAt, isAborted, post } from "./api.js";
import { pause } from "./dom.js";
import { empty, play } from "./live.js";
import { mimeOf } from "./mp4.js";
import { t } from "./texts.js";

const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;
/** Pictures before the moment, hidden by an edit list, get times before it: with this they are not before zero, where a buffer drops them. */
const BASE = 30;
const AHEAD = 20;            // Seconds, at single speed, that are fetched before they are shown.
const KEPT = 15;             // Seconds that stay behind.
const LONGEST = 2 * 3600e3;  // Milliseconds of one request.
const ATTEMPTS = 5;
const PROGRESS = 3;          // Seconds that were shown: what failed before is over.
const BEHIND = 10e3;         // Milliseconds that are left out where a place fails again: a segment.
const RENEW = 5 * 3600e3;    // A ticket is good for six hours.

/** @typedef {{start: number, end: number}} Range  in milliseconds */

/** Tells `state` (`{state: loading|playing|paused|ended|failed, text}`) and `time`. */
export class RecordingPlayer extends EventTarget {
  #video;
  #path;
  /** @type {Range[]} */
  #ranges = [];
  #day = { start: 0, end: 0 };
  /** @type {{mp4: string, hls: string, madeAt: number}|null} */
  #addresses = null;
  /** @type {AbortController|null} */
  #life = null;
  #from = 0;
  #failures = 0;
  /** The video has what this request brings, no more what was there before. */
  #isFed = false;
  /** Where in the video this request began to be shown. @type {number|null} */
  #shownFrom = null;
  /** The moment at which a body was torn off. */
  #tornAt = NaN;
  #isPaused = false;
  speed = 1;

  /** @param {HTMLVideoElement} video @param {string} device @param {number} channel */
  constructor(video, device, channel) {
    super();
    this.#video = video;
    this.#path = `${deviceAt(device, channel)}/playback`;
  }

  get isRunning() { return this.#life !== null; }
  get isPaused() { return this.#isPaused; }

  /** The moment that is shown, in milliseconds since 1970. */
  get time() {
    if (!this.#life || !this.#isFed) return this.#from;
    return this.#momentAt(Math.max(0, this.#video.currentTime - this.#base) * 1000);
  }

  get #base() { return Source ? BASE : 0; }

  /** What is recorded of a day; what is played goes on. @param {Range} day @param {Range[]} ranges */
  setDay(day, ranges) {
    if (day.start !== this.#day.start || day.end !== this.#day.end) this.#addresses = null;
    this.#day = day;
    this.#ranges = ranges;
  }

  /** From `moment` on, or from where something is recorded next. @param {number} moment */
  play(moment) {
    const range = this.#ranges.find((range) => range.end > moment);
    this.#isPaused = false;
    this.#failures = 0;
    this.#tornAt = NaN;
    if (!range) { this.stop(); return this.#say("ended", t.timeline.end); }
    this.#start(Math.max(moment, range.start));
  }

  pause() { this.#isPaused = true; this.#video.pause(); this.#say("paused", ""); }

  resume() { this.#isPaused = false; play(this.#video); }

  /** @param {number} speed */
  setSpeed(speed) {
    this.speed = speed;
    this.#video.playbackRate = speed;
  }

  stop() {
    if (!this.#life) return;
    this.#from = this.time;
    this.#end();
    empty(this.#video);
  }

  #end() {
    this.#life?.abort(new DOMException("stopped", "AbortError"));
    this.#life = null;
    this.#isFed = false;
  }

  #start(from) {
    this.#end();
    this.#from = from;
    this.#shownFrom = null;
    const life = this.#life = new AbortController();
    const { signal } = life;
    this.#say("loading", t.timeline.loading);
    for (const [name, listener] of Object.entries(this.#listeners())) this.#video.addEventListener(name, listener, { signal });
    this.#run(from, signal).catch((error) => {
      if (isAborted(error) || this.#life !== life) return;
      const moment = this.time;
      this.#end();
      this.#from = moment;
      this.#retry(error);
    });
  }

  #listeners() {
    return {
      playing: () => {
        if (this.#isFed) this.#shownFrom ??= this.#video.currentTime;
        this.#say("playing", "");
      },
      waiting: () => this.#say("loading", t.timeline.loading),
      timeupdate: () => {
        if (this.#shownFrom !== null && this.#video.currentTime > this.#shownFrom + PROGRESS) this.#failures = 0;
        this.dispatchEvent(new Event("time"));
      },
      // What comes behind this request, or behind a part that could not be joined to it.
      ended: () => this.#goOn(),
    };
  }

  #goOn(moment = this.time + 200) {
    const next = this.#ranges.find((range) => range.end > moment + 300);
    if (next) return this.#start(Math.max(moment, next.start));
    this.stop();
    this.#from = moment;
    this.#say("ended", t.timeline.end);
  }

  #retry(error) {
    const isFinal = error instanceof Unplayable || (error instanceof Problem && [401, 404, 409].includes(error.status));
    this.#failures += 1;
    if (isFinal || this.#failures > ATTEMPTS) return this.#say("failed", error.message || t.errors.offline);
    if (error instanceof Torn) {
      const isAgain = Math.abs(this.#from - this.#tornAt) < 1000;
      this.#tornAt = this.#from;
      if (isAgain) return this.#goOn(this.#from + BEHIND);
    }
    this.#addresses = null;
    const life = this.#life = new AbortController();
    this.#say("loading", t.timeline.loading);
    pause(400 * 2 ** this.#failures, life.signal).then(() => this.#start(this.#from), () => {});
  }

  async #run(from, signal) {
    const addresses = await this.#find(signal);
    const to = Math.min(this.#day.end, from + LONGEST);
    if (!Source) {
      this.#video.src = withRange(addresses.hls, from, this.#day.end);
      this.#isFed = true;
      await this.#begin();
      return;
    }
    const response = await fetch(withRange(addresses.mp4, from, to), { signal });
    if (!response.ok || !response.body) throw await Problem.of(response);
    await this.#feed(response.body.getReader(), signal);
  }

  async #find(signal) {
    if (!this.#addresses || Date.now() - this.#addresses.madeAt > RENEW) {
      const range = { from: new Date(this.#day.start).toISOString(), to: new Date(this.#day.end).toISOString() };
      this.#addresses = { ...await post(this.#path, range, signal), madeAt: Date.now() };
    }
    return this.#addresses;
  }

  async #begin() {
    this.#video.playbackRate = this.speed;
    if (!this.#isPaused) await play(this.#video);
  }

  /** @param {ReadableStreamDefaultReader<Uint8Array>} reader @param {AbortSignal} signal */
  async #feed(reader, signal) {
    const video = this.#video;
    const source = new Source();
    const url = URL.createObjectURL(source);
    const isOpen = new Promise((resolve) => source.addEventListener("sourceopen", resolve, { once: true }));
    video.disableRemotePlayback = true;
    video.src = url;
    await isOpen;
    URL.revokeObjectURL(url);
    /** @type {SourceBuffer|null} */
    let buffer = null;
    let head = new Uint8Array(0);
    try {
      for (;;) {
        const { value, done } = await reader.read().catch(async (error) => {
          signal.throwIfAborted();
          await this.#playOut(buffer, signal);
          throw new Torn(error.message);
        });
        signal.throwIfAborted();
        if (done) break;
        let bytes = value;
        if (!buffer) {
          bytes = head = joined(head, value);
          const mime = mimeOf(head);
          if (mime === undefined) continue;
          if (mime === null || !Source.isTypeSupported(mime)) throw new Unplayable(t.timeline.unsupported);
          buffer = source.addSourceBuffer(mime);
          buffer.timestampOffset = BASE;
          video.currentTime = BASE;
          this.#isFed = true;
          this.#begin();
        }
        await append(buffer, bytes, video, signal);
        await this.#untilWanted(buffer, signal);
      }
      if (source.readyState === "open") source.endOfStream();
      this.#lookAtBegin(buffer);
    } finally {
      // Freed at once: a user has a few of these at a time.
      reader.cancel().catch(() => {});
    }
  }

  /** What came before a body was torn off is shown first; where nothing moves for some seconds there is no more of it. */
  async #playOut(buffer, signal) {
    const video = this.#video;
    let last = video.currentTime;
    for (let idle = 0; buffer && idle < 15 && aheadOf(buffer, video) > 0.1;) {
      await pause(200, signal);
      idle = video.currentTime > last || video.paused ? 0 : idle + 1;
      last = video.currentTime;
    }
  }

  /** The connection waits with us: nothing is fetched that will not be seen soon. */
  async #untilWanted(buffer, signal) {
    this.#lookAtBegin(buffer);
    while (aheadOf(buffer, this.#video) > AHEAD * Math.max(1, this.speed)) await pause(200, signal);
  }

  /** Where the first picture comes a little later than was asked for, the video would wait for ever. */
  #lookAtBegin(buffer) {
    const video = this.#video;
    const ranges = buffer?.buffered;
    if (!ranges?.length) return;
    for (let place = 0; place < ranges.length; place += 1) {
      if (ranges.end(place) <= video.currentTime + 0.05) continue;
      if (ranges.start(place) > video.currentTime) video.currentTime = ranges.start(place) + 0.01;
      return;
    }
  }

  /** Gaps are closed up in a file: this many milliseconds of recording behind its begin. */
  #momentAt(played) {
    let left = played;
    for (const range of this.#ranges) {
      if (range.end <= this.#from) continue;
      const begin = Math.max(range.start, this.#from);
      if (left <= range.end - begin) return begin + left;
      left -= range.end - begin;
    }
    return this.#from + played;
  }

  #say(state, text) {
    this.dispatchEvent(new CustomEvent("state", { detail: { state, text } }));
  }
}

class Unplayable extends Error {}

/** An answer that began well and ended too early. */
class Torn extends Error {}

/** @param {string} address @param {number} from @param {number} to */
export function withRange(address, from, to) {
  const url = new URL(address, location.origin);
  url.searchParams.set("from", new Date(from).toISOString());
  url.searchParams.set("to", new Date(to).toISOString());
  return url.pathname + url.search;
}

function joined(first, second) {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

function aheadOf(buffer, video) {
  const ranges = buffer.buffered;
  return ranges.length ? ranges.end(ranges.length - 1) - video.currentTime : 0;
}

/** Appends, and drops what is behind where there is no room. */
async function append(buffer, bytes, video, signal) {
  for (;;) {
    signal.throwIfAborted();
    try {
      buffer.appendBuffer(bytes);
      await updated(buffer);
      if (video.currentTime - KEPT * 2 > (buffer.buffered.length ? buffer.buffered.start(0) : Infinity)) {
        buffer.remove(0, video.currentTime - KEPT);
        await updated(buffer);
      }
      return;
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "QuotaExceededError") throw error;
      if (video.currentTime > BASE + 2) {
        buffer.remove(0, video.currentTime - 1);
        await updated(buffer);
      }
      await pause(250, signal);
    }
  }
}

function updated(buffer) {
  if (!buffer.updating) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const stop = new AbortController();
    buffer.addEventListener("updateend", () => { stop.abort(); resolve(undefined); }, { signal: stop.signal });
    buffer.addEventListener("error", () => { stop.abort(); reject(new Unplayable(t.timeline.unsupported)); }, { signal: stop.signal });
  });
}
