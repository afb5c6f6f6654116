// One video element, which shows a live picture or a recording, and the buttons on it.

import { deviceAt, post, remove, request } from "./api.js";
import { fill, h, repeat } from "./dom.js";
import { dayName, exactClock, rate } from "./format.js";
import { icon } from "./icons.js";
import { LivePlayer, delayOf, play } from "./live.js";
import { RecordingPlayer } from "./playback.js";
import { iconButton, say } from "./shell.js";
import { t } from "./texts.js";

const SOUND = "vedette.sound";
const QUALITY = "vedette.quality";
const SPEED_WITH_SOUND = 2;  // Faster than this, sound is noise.

/** Tells `time`, the moment that is shown, and `mode`. */
export class Stage extends EventTarget {
  #device;
  #channel;
  #signal;
  #mode = "live";
  #leases = new Set();

  /** @param {any} device @param {number} channel @param {AbortSignal} signal @param {HTMLElement[]} more  buttons */
  constructor(device, channel, signal, more) {
    super();
    this.#device = device;
    this.#channel = channel;
    this.#signal = signal;
    const wantsSound = localStorage.getItem(SOUND) === "on";
    this.video = h("video", { playsInline: true, muted: !wantsSound, disablePictureInPicture: false, "aria-label": device.name, tabIndex: -1 });
    this.live = new LivePlayer(this.video, (rendition, ending) => this.#ask(rendition, ending));
    this.recorded = new RecordingPlayer(this.video, device.device_id, channel);
    this.#build(more);
    this.#listen();
    signal.addEventListener("abort", () => { this.live.stop(); this.recorded.stop(); this.#giveBack(); }, { once: true });
  }

  get isRecorded() { return this.#mode === "recorded"; }

  /** The moment that is shown. */
  get time() { return this.isRecorded ? this.recorded.time : Date.now() - delayOf(this.video) * 1000; }

  goLive() {
    this.recorded.stop();
    this.#setMode("live");
    this.video.playbackRate = 1;
    this.live.start(this.quality.value);
  }

  /** @param {number} moment */
  playAt(moment) {
    this.live.stop();
    this.#setMode("recorded");
    this.recorded.play(moment);
  }

  setDay(day, ranges) { this.recorded.setDay(day, ranges); }

  setSpeed(speed) {
    this.recorded.setSpeed(speed);
    if (speed > SPEED_WITH_SOUND) this.video.muted = true;
  }

  async #ask(rendition, signal) {
    if (this.#device.state === "asleep") this.#show("connecting", t.live.waking);
    const answer = await post(`${deviceAt(this.#device.device_id, this.#channel)}/live`, { rendition }, signal);
    this.#leases.add(answer.lease);
    return answer;
  }

  /** Leases that nobody watched with end by themselves after a minute; a camera need not wait for it. */
  #giveBack() {
    for (const lease of this.#leases) remove(`${deviceAt(this.#device.device_id, this.#channel)}/live`, undefined, { lease }).catch(() => {});
    this.#leases.clear();
  }

  #setMode(mode) {
    this.#mode = mode;
    this.element.classList.toggle("is-recorded", this.isRecorded);
    this.toLive.setAttribute("aria-pressed", String(!this.isRecorded));
    this.dispatchEvent(new Event("mode"));
  }

  #build(more) {
    this.state = h("p.stage-state", { role: "status" });
    this.when = h("span.stage-when");
    this.statistics = h("dl.statistics", { hidden: true, "aria-label": t.live.statistics });
    this.pause = iconButton("pause", t.timeline.pause, () => this.#toggle());
    this.sound = iconButton("muted", t.live.unmute, () => this.#toggleSound());
    this.toLive = h("button.live-button", { type: "button", "aria-pressed": "true", onclick: () => this.goLive() }, h("span.dot"), t.live.goLive);
    this.quality = h(
      "select", { "aria-label": t.live.quality, onchange: () => { localStorage.setItem(QUALITY, this.quality.value); if (!this.isRecorded) this.goLive(); } },
      h("option", { value: "auto" }, "Auto"), Object.entries(t.live.qualities).map(([value, text]) => h("option", { value }, text)),
    );
    this.quality.value = localStorage.getItem(QUALITY) ?? "auto";
    const figures = iconButton("chart", t.live.statistics, () => {
      this.statistics.hidden = !this.statistics.hidden;
      figures.setAttribute("aria-expanded", String(!this.statistics.hidden));
      this.#showFigures();
    }, ".wide-only");
    figures.setAttribute("aria-expanded", "false");
    const snapshot = iconButton("photo", t.live.snapshot, () => this.#snapshot());
    const full = iconButton("full", t.live.full, () => (document.fullscreenElement ? document.exitFullscreen() : this.element.requestFullscreen()));
    this.element = h(
      "div.stage", null, this.video, this.state, this.statistics,
      h("div.stage-bar", { role: "toolbar", "aria-label": t.live.title }, this.pause, this.toLive, this.when, h("span.spring"), this.sound, snapshot, more, this.quality, figures, full),
    );
  }

  #listen() {
    const signal = this.#signal;
    this.live.addEventListener("state", ({ detail }) => this.#show(detail.state, detail.text), { signal });
    this.recorded.addEventListener("state", ({ detail }) => this.#show(detail.state, detail.text), { signal });
    this.recorded.addEventListener("time", () => this.dispatchEvent(new Event("time")), { signal });
    for (const name of ["play", "pause", "volumechange"]) this.video.addEventListener(name, () => this.#showButtons(), { signal });
    this.video.addEventListener("click", () => { if (this.video.paused) play(this.video); }, { signal });
    repeat(1000, signal, () => {
      this.#showFigures();
      this.when.textContent = this.isRecorded ? `${dayName(this.time)} ${exactClock(this.time)}` : "";
      if (!this.isRecorded && this.live.isRunning) this.dispatchEvent(new Event("time"));
    });
    this.#showButtons();
  }

  #show(state, text) {
    this.element.dataset.state = state;
    this.state.textContent = text || (this.live.figures.omitted && !this.isRecorded ? t.live.noSound(this.live.figures.omitted) : "");
    this.state.hidden = !this.state.textContent;
  }

  #toggle() {
    if (!this.isRecorded) {
      if (this.video.paused) return this.goLive();
      this.live.stop();
      return this.#show("paused", "");
    }
    if (!this.recorded.isRunning) this.recorded.play(this.recorded.time);
    else if (this.video.paused) this.recorded.resume();
    else this.recorded.pause();
  }

  #toggleSound() {
    this.video.muted = !this.video.muted;
    localStorage.setItem(SOUND, this.video.muted ? "off" : "on");
    if (!this.video.muted && this.video.paused) play(this.video);
  }

  #showButtons() {
    const { paused, muted } = this.video;
    this.pause.setAttribute("aria-label", paused ? t.timeline.play : t.timeline.pause);
    fill(this.pause, icon(paused ? "play" : "pause"));
    this.sound.setAttribute("aria-label", muted ? t.live.unmute : t.live.mute);
    fill(this.sound, icon(muted ? "muted" : "sound"));
  }

  /** Of a recording the picture that is shown; of a live picture one that the camera takes now, in its full size. */
  async #snapshot() {
    const name = `${this.#device.device_id}_${new Date(this.time).toISOString().replaceAll(":", "-").slice(0, 19)}.jpg`;
    const blob = this.isRecorded ? await this.#shownPicture()
      : await (await request("POST", `${deviceAt(this.#device.device_id, this.#channel)}/snapshot`)).blob();
    const url = URL.createObjectURL(blob);
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    say(t.live.snapshotTaken, "good");
  }

  #shownPicture() {
    const canvas = h("canvas", { width: this.video.videoWidth, height: this.video.videoHeight });
    canvas.getContext("2d").drawImage(this.video, 0, 0);
    return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error(t.errors.offline))), "image/jpeg", 0.92));
  }

  #showFigures() {
    if (this.statistics.hidden) return;
    const { video } = this;
    const { bytes, since, reconnects, mime, way } = this.live.figures;
    const quality = video.getVideoPlaybackQuality?.();
    const rows = [
      [t.live.stats.size, `${video.videoWidth} × ${video.videoHeight}`],
      [t.live.stats.frames, quality?.totalVideoFrames ?? "–"], [t.live.stats.dropped, quality?.droppedVideoFrames ?? "–"],
      [t.live.stats.buffer, `${delayOf(video).toFixed(1)} s`],
    ];
    if (!this.isRecorded) {
      rows.push(
        [t.live.stats.delay, `${delayOf(video).toFixed(2)} s`], [t.live.stats.codec, /codecs="([^"]+)"/.exec(mime)?.[1] ?? "–"],
        [t.live.stats.rate, rate((bytes * 8000) / Math.max(1, performance.now() - since))], [t.live.stats.reconnects, reconnects], [t.live.stats.path, way],
      );
    }
    fill(this.statistics, rows.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
  }
}
