import { all, patch, post, remove } from "./api.js";
import { fill, h, repeat } from "./dom.js";
import { ago, dateTime } from "./format.js";
import { button, complain, confirm, dialog, field, form, iconButton } from "./shell.js";
import { pagedTable, table } from "./tables.js";
import { t } from "./texts.js";

const LOOK_EVERY = 10_000;
const MOST = 10_000;   // Units among which is searched here.
const SHOWN = 200;

/** Every unit that is enrolled; what is typed is looked for in every field. */
export async function units({ signal }) {
  let known = await all("/admin/devices", {}, signal, MOST);
  const search = h("input", { type: "search", placeholder: t.operate.find, "aria-label": t.common.search, autocomplete: "off", spellcheck: false });
  const count = h("p.muted", { role: "status" });
  const change = async (unit, disabled) => {
    await patch(`/admin/devices/${encodeURIComponent(unit.device_id)}`, { disabled });
    await load();
  };
  const shown = table(t.operate.pages.units, [
    { title: t.operate.unit, value: (unit) => [h("a", { href: `#/cameras/${encodeURIComponent(unit.device_id)}` }, unit.name), h("div.muted", null, unit.device_id)] },
    { title: t.common.state, value: stateOf },
    { title: t.operate.owner, value: (unit) => unit.owner },
    { title: t.operate.mac, value: (unit) => unit.mac_id },
    { title: t.operate.version, value: (unit) => unit.firmware_model },
    { title: t.operate.seen, value: (unit) => unit.last_seen && h("time", { dateTime: unit.last_seen, title: dateTime(unit.last_seen) }, ago(unit.last_seen)) },
    {
      title: "", value: (unit) => h(
        "div.row", null,
        button(null, unit.disabled ? t.operate.enable : t.operate.disable, () => change(unit, !unit.disabled)),
        iconButton("trash", `${t.operate.removeUnit} ${unit.name}`, () => removeUnit(unit).then((isGone) => isGone && load()), ".plain"),
      ),
    },
  ], []);

  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = known.filter((unit) => words.every((word) => textOf(unit).includes(word)));
    shown.show(found.slice(0, SHOWN));
    count.textContent = t.operate.found(found.length, known.length >= MOST);
  }
  async function load() {
    try {
      known = await all("/admin/devices", {}, signal, MOST);
      show();
    } catch (error) {
      complain(error);
    }
  }
  search.addEventListener("input", show);
  show();
  repeat(LOOK_EVERY, signal, () => { if (!document.activeElement?.closest("table")) load(); });
  const add = button("plus", t.operate.enrol, () => enrol().then(load), ".primary");
  return h("div.page", null, h("div.filters", { role: "search" }, h("div.field.wide", null, search), add), count, shown.element);
}

/** Every field, as text, and the state as it is shown. */
const textOf = (unit) => `${JSON.stringify(unit)} ${wordOf(unit)}`.toLowerCase();
const wordOf = (unit) => t.states[unit.disabled ? "disabled" : unit.state ?? (unit.online ? "online" : "offline")] ?? unit.state;

function stateOf(unit) {
  const word = unit.disabled ? "disabled" : unit.state ?? (unit.online ? "online" : "offline");
  return h("span.tile-state", null, h(`span.dot.${word}`), t.states[word] ?? word, unit.battery && ` · ${unit.battery.percent} %`);
}

async function removeUnit(unit) {
  if (!(await confirm(`${t.operate.removeUnit} ${unit.name}`, t.operate.removeText(unit.name), t.operate.removeUnit))) return false;
  await remove(`/admin/devices/${encodeURIComponent(unit.device_id)}`);
  return true;
}

function enrol() {
  return dialog(t.operate.enrol, (close) => {
    const id = h("input", { required: true, maxLength: 64, spellcheck: false, autocomplete: "off" });
    const mac = h("input", { required: true, maxLength: 64, spellcheck: false, autocomplete: "off" });
    const name = h("input", { maxLength: 128 });
    const channels = h("input", { type: "number", min: "1", max: "256", value: "1", required: true });
    const place = h("div");
    fill(place, form({
      fields: [field(t.operate.deviceID, id), field(t.operate.mac, mac), field(t.common.name, name), field(t.operate.channels, channels)],
      verb: t.operate.enrol,
      work: async () => {
        const made = await post("/admin/devices", {
          device_id: id.value.trim(), mac_id: mac.value.trim(), channels: Number(channels.value), ...(name.value.trim() && { name: name.value.trim() }),
        });
        fill(place, h("div.fields", null, h("p", { role: "status" }, t.operate.enrolled), h("p.secret", null, made.login_password), h("div.row.end", null, button(null, t.common.close, close, ".primary"))));
      },
    }));
    return place;
  });
}

/** Units that are connected to this platform now. */
export async function sessions({ signal }) {
  const list = pagedTable({
    label: t.operate.pages.sessions, path: "/admin/sessions", empty: t.operate.noSessions, signal, limit: 100,
    columns: [
      { title: t.operate.unit, value: (one) => h("a", { href: `#/cameras/${encodeURIComponent(one.device_id)}` }, one.device_id) },
      { title: t.common.state, value: (one) => h("span.tile-state", null, h(`span.dot.${one.state}`), t.states[one.state] ?? one.state) },
      { title: t.operate.connection, value: (one) => (one.connected ? t.operate.here : t.operate.lost) },
      { title: t.operate.address, value: (one) => one.remote_address },
      { title: t.operate.hardware, value: (one) => one.hardware_model },
      { title: t.operate.version, value: (one) => one.firmware_model },
      { title: t.operate.node, value: (one) => one.node },
      { title: t.operate.connected, value: (one) => one.connected_at && ago(one.connected_at) },
    ],
  });
  await list.load();
  return h("div.page", null, h("div.row.end", null, button(null, t.common.refresh, () => list.load())), list.element);
}

