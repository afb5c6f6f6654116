import { deviceAt, post } from "./api.js";
import { fill, h } from "./dom.js";
import { withRange } from "./playback.js";
import { button, dialog, field, say, wordsFor } from "./shell.js";
import { t } from "./texts.js";

const AROUND = 15_000;  // Milliseconds before and after the moment that is shown.

/** @param {Date} moment  what an input of kind datetime-local takes, in the browser's zone */
const local = (moment) => new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);

/**
 * A part of a recording as a file, or kept whatever its age.
 * @param {{device: string, channel: number, moment: number, mayKeep: boolean}} parts
 */
export function clipDialog({ device, channel, moment, mayKeep }) {
  return dialog(t.clip.title, (close) => {
    const input = (at) => h("input", { type: "datetime-local", step: "1", required: true, value: local(new Date(at)) });
    const from = input(moment - AROUND), to = input(moment + AROUND);
    const note = h("input", { maxLength: 500 });
    const failure = h("p.failure", { role: "alert" });

    async function withTimes(work) {
      const range = { from: new Date(from.value), to: new Date(to.value) };
      fill(failure);
      if (!(range.from < range.to)) return fill(failure, t.clip.order);
      try { await work(range); close(); } catch (error) { fill(failure, wordsFor(error)); }
    }
    const download = () => withTimes(async (range) => {
      const body = { from: range.from.toISOString(), to: range.to.toISOString() };
      const { mp4 } = await post(`${deviceAt(device, channel)}/playback`, body);
      // The answer says that it is a file, so the page stays.
      const link = h("a", { href: withRange(mp4, range.from.getTime(), range.to.getTime()), download: "" });
      link.click();
      say(t.clip.started, "good");
    });
    const keep = () => withTimes(async (range) => {
      const body = { from: range.from.toISOString(), to: range.to.toISOString(), ...(note.value.trim() && { note: note.value.trim() }) };
      await post(`${deviceAt(device, channel)}/kept-clips`, body);
      say(t.clip.kept, "good");
    });
    return h(
      "div.fields", null,
      h("div.row.two", null, field(t.clip.from, from), field(t.clip.to, to)),
      mayKeep && field(t.clip.note, note), failure,
      h("div.row.end", null, mayKeep && button("bookmark", t.clip.keep, keep), button("download", t.clip.download, download, ".primary")),
    );
  });
}
