import { h } from "./dom.js";
import { heading } from "./shell.js";
import { t } from "./texts.js";

const PARTS = {
  units: () => import("./operate-units.js").then((part) => part.units),
  sessions: () => import("./operate-units.js").then((part) => part.sessions),
  streams: () => import("./operate-streams.js").then((part) => part.streams),
  rollouts: () => import("./operate-firmware.js").then((part) => part.firmware),
  users: () => import("./operate-people.js").then((part) => part.users),
  nodes: () => import("./operate-storage.js").then((part) => part.nodes),
  storage: () => import("./operate-storage.js").then((part) => part.storage),
  audit: () => import("./operate-people.js").then((part) => part.audit),
};

/** For operators: what there is, what runs, and what was done. */
export async function page({ account, signal, parts: [name = "units", detail] }) {
  const chosen = name in PARTS ? name : "units";
  const part = await PARTS[chosen]();
  const tabs = h("nav.tabs", { "aria-label": t.operate.title }, Object.keys(PARTS).map((key) => h(
    "a", { href: `#/operate/${key}`, "aria-current": key === chosen ? "page" : null }, t.operate.pages[key],
  )));
  const content = await part({ account, signal, detail });
  return { title: t.operate.pages[chosen], element: h("div.page", null, heading(t.operate.title), tabs, content) };
}
