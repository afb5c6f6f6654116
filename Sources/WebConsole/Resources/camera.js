import { Problem, deviceAt, get, optional, post, remove } from "./api.js";
import { fill, h } from "./dom.js";
import { feed } from "./feed.js";
import { ago } from "./format.js";
import { icon } from "./icons.js";
import { ptzPanel } from "./ptz.js";
import { recordButton, recordingsPanel } from "./recordings.js";
import { shareDialog } from "./share.js";
import { button, confirm, say, wordsFor } from "./shell.js";
import { Stage } from "./stage.js";
import { t } from "./texts.js";

/** One camera: its live picture, what it recorded, and what can be done with it. */
export async function page({ account, signal, parts: [id, number, at] }) {
  const device = await get(deviceAt(id), {}, signal);
  const channel = Number(number ?? device.channels[0]?.channel ?? 0);
  if (!device.channels.some((one) => one.channel === channel)) throw new Problem(404, {});
  const may = (right) => device.rights?.includes(right) ?? true;
  const isOwner = device.role ? device.role !== "guest" : true;

  const record = may("control") ? recordButton({ device, channel, signal, changed: () => panel?.refresh() }) : null;
  const stage = may("live") || may("playback") ? new Stage(device, channel, signal, record ? [record.element] : []) : null;
  const panel = stage && may("playback") ? recordingsPanel({ device, channel, stage, signal }) : null;
  const side = h("div.side");
  const state = h("span.tile-state", { role: "status" });
  showState(state, device, channel);

  feed.addEventListener("event", ({ detail }) => {
    if (detail.device_id !== id) return;
    get(deviceAt(id), {}, signal).then((now) => { Object.assign(device, now); showState(state, now, channel); }, () => {});
    if (detail.kind === "recording") { record?.look(); panel?.refresh(); }
    if (detail.kind === "alarm" && detail.channel === channel) panel?.refresh();
  }, { signal });

  optional(get(`${deviceAt(id)}/capabilities`, {}, signal)).catch(() => null).then((capabilities) => {
    fill(
      side, capabilities?.ptz && may("control") && ptzPanel(id, channel, signal), about(device, signal, may("control")),
      isOwner && ownerPanel(device, account),
    );
  });

  const moment = at ? Date.parse(at) : NaN;
  if (stage && !Number.isNaN(moment) && panel) queueMicrotask(() => panel.seek(moment));
  else if (stage && may("live")) stage.goLive();

  const head = h(
    "div.heading", null,
    h("a.back", { href: "#/", "aria-label": t.nav.cameras }, icon("back")), h("h1", null, device.name), state,
    device.channels.length > 1 && channelLinks(device, channel),
  );
  const main = h("div.watch", null, stage?.element ?? h("p.notice", null, t.camera.noRightLive), panel?.element);
  return { title: device.name, element: h("div.page.camera-page", null, head, h("div.columns", null, main, side)) };
}

function showState(place, device, channel) {
  const one = device.channels.find((one) => one.channel === channel);
  const word = device.online && device.state === "online" ? one?.state ?? "offline" : device.state;
  fill(place, h(`span.dot.${word}`), t.states[word] ?? word, device.battery && [" · ", `${device.battery.percent} %`]);
}

function channelLinks(device, channel) {
  return h("nav.chips", { "aria-label": t.camera.channels }, device.channels.map((one) => h(
    "a.chip", { href: `#/cameras/${encodeURIComponent(device.device_id)}/${one.channel}`, "aria-current": one.channel === channel ? "page" : null },
    t.cameras.channel(one.channel),
  )));
}

/** What the camera says of itself; a sleeping one is not woken for it. */
function about(device, signal, mayControl) {
  const list = h("dl.facts");
  const rows = (status) => [
    [t.camera.model, status.hardware_model], [t.camera.firmware, status.firmware_model ?? device.firmware_model],
    [t.camera.wifi, status.wifi_ssid && `${status.wifi_ssid} (${status.wifi_signal ?? "–"} %)`], [t.camera.address, status.ip_addr],
    [t.camera.lastSeen, device.last_seen && ago(device.last_seen)],
  ].filter(([, value]) => value);
  const show = (status) => fill(list, rows(status).map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
  show({});
  if (device.online && device.state === "online") get(`${deviceAt(device.device_id)}/status`, {}, signal).then(show, () => {});
  const reboot = button(null, t.camera.reboot, async () => {
    if (!(await confirm(t.camera.reboot, t.camera.rebootText, t.camera.reboot))) return;
    await post(`${deviceAt(device.device_id)}/reboot`);
    say(t.camera.rebooting, "good");
  });
  return h("section.card", { "aria-label": t.camera.status }, h("h2", null, t.camera.status), list, mayControl && h("div.row", null, reboot));
}

function ownerPanel(device, account) {
  const giveUp = button("trash", t.camera.giveUp, async () => {
    if (!(await confirm(t.camera.giveUp, t.camera.giveUpText(device.name), t.camera.giveUp))) return;
    await remove(`${deviceAt(device.device_id)}/binding`);
    say(t.camera.givenUp, "good");
    location.hash = "#/";
  }, ".danger");
  const share = button("share", t.camera.share, () => shareDialog(device, account).catch((error) => say(wordsFor(error), "bad")));
  return h("section.card", { "aria-label": t.camera.settings }, h("h2", null, t.camera.settings), h("div.row", null, share, giveUp));
}
