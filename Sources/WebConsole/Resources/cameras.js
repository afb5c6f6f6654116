import { all, deviceAt, get, optional } from "./api.js";
import { bindCamera } from "./bind.js";
import { fill, h, repeat } from "./dom.js";
import { feed } from "./feed.js";
import { icon } from "./icons.js";
import { latestPicture } from "./pictures.js";
import { button, complain, heading, notice } from "./shell.js";
import { t } from "./texts.js";

const LOOK_EVERY = 30_000;
const CHOSEN = "vedette.group";

/** The cameras of a person: pictures, states, alarms. It wakes none of them. */
export async function page({ signal }) {
  const [devices, groups] = await Promise.all([all("/devices", {}, signal), optional(all("/groups", {}, signal))]);
  /** @type {Map<string, ReturnType<typeof tile>>} by device and channel */
  const tiles = new Map();
  const list = h("ul.tiles", { "aria-label": t.cameras.title });
  const summary = h("p.muted", { role: "status" });
  const choice = groups?.length ? groupChoice(groups, () => show(known)) : null;
  let known = devices;

  /** What exists is moved and changed, not made anew: pictures stay, and so does the focus. */
  function show(devices) {
    known = devices;
    const chosen = choice?.members();
    const visible = chosen ? devices.filter((device) => chosen.has(device.device_id)) : devices;
    const wanted = visible.flatMap((device) => device.channels.map((channel) => ({ device, channel })));
    const names = new Set();
    wanted.forEach(({ device, channel }, place) => {
      const name = `${device.device_id}/${channel.channel}`;
      names.add(name);
      if (!tiles.has(name)) tiles.set(name, tile(device, channel, signal));
      const one = tiles.get(name);
      one.update(device, channel);
      if (list.children[place] !== one.element) list.insertBefore(one.element, list.children[place] ?? null);
    });
    for (const [name, one] of tiles) {
      if (names.has(name)) continue;
      one.end();
      tiles.delete(name);
    }
    summary.textContent = t.cameras.count(visible.length, visible.filter((device) => device.online).length);
    empty.hidden = devices.length > 0;
    summary.hidden = devices.length === 0;
  }

  const look = () => all("/devices", {}, signal).then(show, complain);
  const add = () => bindCamera(known).then(look);
  const empty = notice(t.cameras.empty, [h("p.muted", null, t.cameras.emptyHint), button("plus", t.cameras.bind, add, ".primary")]);
  show(devices);
  repeat(LOOK_EVERY, signal, look);

  // A burst of events is one look.
  let soon;
  feed.addEventListener("event", ({ detail }) => {
    tiles.get(`${detail.device_id}/${detail.channel ?? 0}`)?.hear(detail);
    clearTimeout(soon);
    soon = setTimeout(() => { if (!signal.aborted) look(); }, 400);
  }, { signal });

  const actions = [choice?.element, button("plus", t.cameras.bind, add, ".primary")];
  return { title: t.cameras.title, element: h("div.page", null, heading(t.cameras.title, actions), summary, empty, list) };
}

function groupChoice(groups, changed) {
  const select = h(
    "select", { "aria-label": t.cameras.group, onchange: () => { localStorage.setItem(CHOSEN, select.value); changed(); } },
    h("option", { value: "" }, t.cameras.allGroups),
    groups.map((group) => h("option", { value: group.group_id }, group.name)),
  );
  select.value = localStorage.getItem(CHOSEN) ?? "";
  if (select.selectedIndex < 0) select.value = "";
  return {
    element: select,
    members() {
      const group = groups.find((group) => group.group_id === select.value);
      return group ? new Set(group.devices.map((device) => device.device_id ?? device)) : null;
    },
  };
}

/** One channel of a camera. */
function tile(device, channel, pageSignal) {
  const life = new AbortController();
  const signal = AbortSignal.any([pageSignal, life.signal]);
  let isLively = false;
  const name = h("span.tile-name");
  const state = h("span.tile-state");
  const badges = h("span.badges");
  const title = () => (device.channels.length > 1 ? `${device.name} – ${t.cameras.channel(channel.channel)}` : device.name);
  const mayWatch = device.rights?.includes("live") ?? true;
  const picture = mayWatch
    ? latestPicture({
      path: `${deviceAt(device.device_id, channel.channel)}/picture`, name: title(), signal, every: () => (isLively ? 1.5 : 15),
    })
    : { element: h("div.picture", null, h("span.picture-note", null, t.camera.noRightLive)), refresh: () => {} };
  const link = h(
    "a.tile", { href: `#/cameras/${encodeURIComponent(device.device_id)}/${channel.channel}` },
    picture.element, badges, h("span.tile-foot", null, name, state),
  );
  const element = h("li", null, link);

  return {
    element,
    update(newDevice, newChannel) {
      [device, channel] = [newDevice, newChannel];
      const word = device.online && device.state === "online" ? channel.state : device.state;
      isLively = channel.streaming || channel.recording;
      name.textContent = title();
      fill(state, h(`span.dot.${word}`), t.states[word] ?? word);
      link.classList.toggle("away", word !== "online");
      link.setAttribute("aria-label", [title(), t.states[word] ?? word, ...alarmWords(channel.alarm)].join(", "));
      fill(badges, badgesOf(device, channel, word));
    },
    hear(event) {
      if (event.kind === "alarm" && ["start", "pulse"].includes(event.detail.state)) {
        link.classList.remove("flash");
        requestAnimationFrame(() => link.classList.add("flash"));
      }
      picture.refresh();
    },
    end() { life.abort(); element.remove(); },
  };
}

/** @param {number} bits  Table I.2-1 */
const alarmWords = (bits) => Object.entries(t.alarmTypes).filter(([type]) => bits & (1 << Number(type))).map(([, word]) => word);

function badgesOf(device, channel, word) {
  const list = [];
  if (channel.streaming) list.push(h("span.badge.live", null, t.live.badge));
  if (channel.recording) list.push(h("span.badge.rec", { title: t.cameras.recording }, h("span.rec-dot"), "REC"));
  for (const text of alarmWords(channel.alarm)) list.push(h("span.badge.alarm", null, icon("bell"), text));
  if (word === "asleep") list.push(h("span.badge", null, icon("moon")));
  if (device.battery) {
    const { percent } = device.battery;
    list.push(h(
      `span.badge${percent <= 20 ? ".alarm" : ""}`, { title: t.cameras.battery(percent) }, icon("battery"), `${percent} %`,
    ));
  }
  if (device.role === "guest" && device.owner) list.push(h("span.badge", { title: t.cameras.sharedBy(device.owner) }, icon("share"), device.owner));
  return list;
}

/** @param {string} id @param {AbortSignal} signal */
export const deviceNamed = (id, signal) => get(deviceAt(id), {}, signal);
