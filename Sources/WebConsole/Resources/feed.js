// What happens, as it happens: one event stream for the page (docs/api.md, Events), whoever listens.

import { post } from "./api.js";
import { pause } from "./dom.js";
import { session } from "./session.js";

const KINDS = ["online", "offline", "asleep", "upgrading", "error", "live", "alarm", "battery", "recording", "upgrade"];
const LONGEST_WAIT = 60_000;

/** `event` carries what came in `detail`; `state` tells of `isOpen`. */
class Feed extends EventTarget {
  /** @type {AbortController|null} */
  #life = null;
  /** @type {string|undefined} the last event that was heard: what came meanwhile is asked for */
  #last;
  isOpen = false;

  open() {
    this.close();
    this.#life = new AbortController();
    this.#run(this.#life.signal).catch(() => {});
  }

  close() {
    this.#life?.abort();
    this.#life = null;
    this.#last = undefined;
    this.#tell(false);
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    for (let failures = 0; !signal.aborted; ) {
      // A ticket opens one stream once; the browser's own reconnection would be refused.
      const wasOpen = await this.#follow(signal).catch(() => false);
      this.#tell(false);
      if (!session.user || signal.aborted) return;
      failures = wasOpen ? 0 : failures + 1;
      await pause(Math.min(LONGEST_WAIT, 500 * 2 ** failures) * (0.5 + Math.random() / 2), signal);
    }
  }

  /** @param {AbortSignal} signal @returns {Promise<boolean>} whether it was open when it ended */
  async #follow(signal) {
    const { ticket } = await post("/events/ticket", undefined, signal);
    const since = this.#last ? `&last_event_id=${encodeURIComponent(this.#last)}` : "";
    const source = new EventSource(`/api/v1/events?ticket=${encodeURIComponent(ticket)}${since}`);
    return new Promise((resolve) => {
      let wasOpen = false;
      const end = () => { source.close(); resolve(wasOpen); };
      signal.addEventListener("abort", end, { once: true });
      source.onopen = () => { wasOpen = true; this.#tell(true); };
      source.onerror = end;
      for (const kind of KINDS) source.addEventListener(kind, (message) => this.#hear(message));
    });
  }

  #hear(message) {
    this.#last = message.lastEventId || this.#last;
    this.dispatchEvent(new CustomEvent("event", { detail: JSON.parse(message.data) }));
  }

  #tell(isOpen) {
    if (isOpen === this.isOpen) return;
    this.isOpen = isOpen;
    this.dispatchEvent(new Event("state"));
  }
}

export const feed = new Feed();
