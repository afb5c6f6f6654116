import { all, post } from "./api.js";
import { fill, h, pause } from "./dom.js";
import { feed } from "./feed.js";
import { clock } from "./format.js";
import { qrCode } from "./qr.js";
import { button, dialog, say } from "./shell.js";
import { t } from "./texts.js";

const LOOK_EVERY = 3000;

/**
 * Shows a code that binds a camera, until one came or the dialog is closed.
 * @param {any[]} devices  those that are there already
 */
export async function bindCamera(devices) {
  const life = new AbortController();
  const { signal } = life;
  const known = new Set(devices.map((device) => device.device_id));
  const place = h("div.bind", null, h("p.muted", null, t.common.loading));
  const closed = dialog(t.bind.title, (close) => {
    watch(known, signal).then((device) => {
      say(t.bind.done(device.name), "good");
      close();
    }, () => {});
    showCode(place, signal);
    return [h("p", null, t.bind.lead), place];
  });
  await closed;
  life.abort();
}

async function showCode(place, signal) {
  try {
    const { bind_id: code, expires_at } = await post("/bindings", undefined, signal);
    const waiting = h("p.muted.pulse", { role: "status" }, t.bind.waiting);
    fill(
      place, qrCode(code, t.bind.qr(code)), h("p.code", { "aria-label": t.bind.code }, code),
      h("p.muted", null, t.bind.until(clock(expires_at))), waiting,
    );
    await pause(new Date(expires_at).getTime() - Date.now(), signal);
    fill(place, h("p", { role: "status" }, t.bind.over), button(null, t.bind.again, () => showCode(place, signal), ".primary"));
  } catch (error) {
    if (signal.aborted) return;
    fill(place, h("p.failure", { role: "alert" }, error.message), button(null, t.common.retry, () => showCode(place, signal)));
  }
}

/** A binding makes no event of its own: the camera logs in anew, and the list is looked at. */
async function watch(known, signal) {
  for (;;) {
    const turn = new AbortController();
    const heard = new Promise((resolve) => feed.addEventListener("event", resolve, { once: true, signal: turn.signal }));
    await Promise.race([heard, pause(LOOK_EVERY, signal)]);
    turn.abort();
    const devices = await all("/devices", {}, signal).catch(() => []);
    const found = devices.find((device) => !known.has(device.device_id));
    if (found) return found;
  }
}
