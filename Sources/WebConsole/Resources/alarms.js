import { all, get } from "./api.js";
import { fill, h } from "./dom.js";
import { feed } from "./feed.js";
import { addDays, ago, dateTime, dayName, dayOf, dayText, exactClock, startOfDay } from "./format.js";
import { icon } from "./icons.js";
import { fetchPicture, onePicture } from "./pictures.js";
import { button, complain, field, heading, notice, say, sayAlarm } from "./shell.js";
import { t } from "./texts.js";

const PAGE = 50;
const BEFORE = 5000;  // Milliseconds of the recording that are shown before an alarm.

/** Alarms, newest first; new ones come by themselves. */
export async function page({ signal }) {
  const devices = await all("/devices", {}, signal);
  const names = new Map(devices.map((device) => [device.device_id, device.name]));
  const list = h("section.page", { "aria-label": t.alarms.title });
  const more = button(null, t.common.more, () => load(false));
  const device = h("select", { onchange: () => load(true) }, h("option", { value: "" }, t.common.all), devices.map((one) => h("option", { value: one.device_id }, one.name)));
  const type = h("select", { onchange: () => load(true) }, h("option", { value: "" }, t.common.all), Object.entries(t.alarmTypes).map(([value, text]) => h("option", { value }, text)));
  const day = h("input", { type: "date", max: dayText(new Date()), onchange: () => load(true) });
  let cursor, lastDay = "";

  async function load(isNew) {
    if (isNew) { cursor = undefined; lastDay = ""; }
    const from = day.value ? dayOf(day.value) : null;
    const query = {
      limit: PAGE, cursor, device: device.value, type: type.value, from: from?.toISOString(), to: from && addDays(from, 1).toISOString(),
    };
    try {
      const answer = await get("/alarms", query, signal);
      if (isNew) fill(list);
      cursor = answer.next_cursor;
      more.hidden = !cursor;
      answer.items.forEach(add);
      if (isNew && !answer.items.length) fill(list, notice(t.alarms.empty));
    } catch (error) {
      complain(error);
    }
  }

  function add(alarm) {
    const name = dayText(startOfDay(alarm.started_at));
    if (name !== lastDay) {
      lastDay = name;
      list.append(h("h2.alarm-day", null, dayName(alarm.started_at)), h("ul.alarm-list"));
    }
    list.lastElementChild.append(h("li", null, alarmLink(alarm, names.get(alarm.device_id) ?? alarm.device_id, signal)));
  }

  feed.addEventListener("event", ({ detail }) => {
    if (detail.kind === "alarm" && !cursorWasUsed()) load(true);
  }, { signal });
  // Who reads further down is not thrown back to the top.
  const cursorWasUsed = () => scrollY > 300;

  await load(true);
  const filters = h("div.filters", { role: "search" }, field(t.alarms.camera, device), field(t.alarms.type, type), field(t.alarms.day, day));
  return {
    title: t.alarms.title,
    element: h("div.page", null, heading(t.alarms.title, notifyButton()), filters, list, h("div.row.end", null, more)),
  };
}

const typeName = (type) => t.alarmTypes[type] ?? t.alarms.unknown(type);

/** Where the recording of an alarm is. */
const placeOf = (device, channel, moment) =>
  `#/cameras/${encodeURIComponent(device)}/${channel}/at/${new Date(new Date(moment).getTime() - BEFORE).toISOString()}`;

function alarmLink(alarm, name, signal) {
  const picture = alarm.picture
    ? onePicture(alarm.picture.replace("/api/v1", ""), t.alarms.picture, signal)
    : h("div.no-picture", null, icon("bell"));
  return h(
    "a", { href: placeOf(alarm.device_id, alarm.channel, alarm.started_at) },
    picture,
    h(
      "div", null, h("h3", null, typeName(alarm.type)), h("p", null, name, alarm.description ? ` · ${alarm.description}` : ""),
      h("p.muted", { title: dateTime(alarm.started_at) }, `${exactClock(alarm.started_at)} · ${ago(alarm.started_at)}`, alarm.active && ` · ${t.alarms.active}`),
    ),
    h("span.watch-link", null, t.alarms.watch),
  );
}

function notifyButton() {
  if (!("Notification" in globalThis) || Notification.permission !== "default") return null;
  const made = button("bell", t.alarms.notify, async () => {
    const answer = await Notification.requestPermission();
    say(answer === "granted" ? t.alarms.notifyOn : t.alarms.notifyOff, answer === "granted" ? "good" : "bad");
    made.hidden = answer !== "default";
  });
  return made;
}

/** Alarms wherever one is: a card in the corner, and a notification of the system where one allowed it and looks elsewhere. */
export function watchAlarms() {
  const names = new Map();
  const cards = new Map();
  feed.addEventListener("event", async ({ detail: event }) => {
    if (event.kind !== "alarm") return;
    const { alarm_id: id, state, type } = event.detail;
    if (state === "picture") return showPicture(cards.get(id), id);
    if (state !== "start" && state !== "pulse") return;
    if (!names.has(event.device_id)) {
      for (const device of await all("/devices").catch(() => [])) names.set(device.device_id, device.name);
    }
    const text = t.alarms.new(typeName(type), names.get(event.device_id) ?? event.device_id);
    const picture = h("div.no-picture", null, icon("bell"));
    const href = placeOf(event.device_id, event.channel ?? 0, event.time);
    const card = h("div.message.alarm", null, h("a", { href }, picture, h("span", null, h("strong", null, text), h("br"), exactClock(event.time))));
    cards.set(id, picture);
    if (cards.size > 50) cards.delete(cards.keys().next().value);
    sayAlarm(card);
    if (document.hidden && globalThis.Notification?.permission === "granted") {
      const news = new Notification(text, { tag: id, icon: new URL("icon.svg", import.meta.url).pathname });
      news.onclick = () => { focus(); location.hash = href; news.close(); };
    }
  });
}

async function showPicture(place, id) {
  if (!place?.isConnected) return;
  const picture = await fetchPicture(`/alarms/${encodeURIComponent(id)}/picture`, {}).catch(() => null);
  if (!picture) return;
  const image = h("img", { alt: t.alarms.picture, src: picture.url, onload: () => URL.revokeObjectURL(picture.url) });
  place.replaceWith(h("div.picture", null, image));
}
