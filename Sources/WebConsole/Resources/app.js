// The beginning: who is logged in, which page the address names, and what changes when either does.

import { watchAlarms } from "./alarms.js";
import { Problem, get, isAborted, optional, request } from "./api.js";
import { h } from "./dom.js";
import { feed } from "./feed.js";
import { t } from "./texts.js";
import { loginPage } from "./login.js";
import { session } from "./session.js";
import { build, heading, notice, say, showMenu, showPage, wordsFor } from "./shell.js";

/** Pages are modules that are fetched when they are opened first. */
const ROUTES = [
  { path: /^#\/(?:cameras)?$/, load: () => import("./cameras.js") },
  { path: /^#\/cameras\/([^/]+)(?:\/(\d+))?(?:\/at\/([^/]+))?$/, load: () => import("./camera.js") },
  { path: /^#\/alarms$/, load: () => import("./alarms.js") },
  { path: /^#\/households$/, load: () => import("./households.js") },
  { path: /^#\/account$/, load: () => import("./account.js") },
  { path: /^#\/operate(?:\/([a-z]+))?(?:\/(.+))?$/, load: () => import("./operate.js"), operator: true },
];

const RELOADED = "vedette.reloaded";

/** @type {AbortController|null} */
let open = null;
/** @type {{user: string, role: string, totp?: {enabled: boolean}}|null} */
let account = null;

function menuEntries() {
  if (!account) return [];
  const entries = [
    { href: "#/", text: t.nav.cameras, icon: "grid" },
    { href: "#/alarms", text: t.nav.alarms, icon: "bell" },
    { href: "#/households", text: t.nav.households, icon: "people" },
    { href: "#/account", text: t.nav.account, icon: "person" },
  ];
  if (account.role === "operator") entries.splice(3, 0, { href: "#/operate", text: t.nav.operate, icon: "sliders" });
  return entries;
}

/** Who this is; a platform without `GET /account` shows it by what it lets one see. */
async function findAccount() {
  const known = await optional(get("/account"));
  if (known) return known;
  const isOperator = await request("GET", "/admin/users", { query: { limit: 1 } }).then(() => true, (error) => {
    if (error instanceof Problem && error.status === 403) return false;
    throw error;
  });
  return { user: session.user ?? "", role: isOperator ? "operator" : "customer" };
}

async function show(moveFocus = true) {
  open?.abort(new DOMException("another page", "AbortError"));
  open = new AbortController();
  const { signal } = open;
  if (!session.user) {
    account = null;
    showMenu([], "");
    showPage(loginPage(signal), t.login.title, false);
    return;
  }
  const address = location.hash || "#/";
  try {
    account ??= await findAccount();
    if (signal.aborted) return;
    const { match, route } = find(address);
    showMenu(menuEntries(), address);
    if (!route) throw new Problem(404, {});
    if (route.operator && account.role !== "operator") throw new Problem(403, { detail: t.errors.forbidden });
    const { page } = await route.load().catch(reload);
    const { title, element } = await page({ account, signal, parts: (match ?? []).slice(1).map(decoded) });
    sessionStorage.removeItem(RELOADED);
    if (!signal.aborted) showPage(element, title, moveFocus);
  } catch (error) {
    if (signal.aborted || isAborted(error) || !session.user) return;
    showPage(h("div.page", null, heading(t.errors.title), notice(wordsFor(error))), t.errors.title, moveFocus);
  }
}

/**
 * A module that is gone belongs to a version before an upgrade of the platform: the page is loaded anew, once.
 * @param {unknown} error @returns {Promise<any>}
 */
async function reload(error) {
  const response = await fetch("/", { method: "HEAD", cache: "no-store" });
  if (!response.ok || sessionStorage.getItem(RELOADED)) throw error;
  sessionStorage.setItem(RELOADED, "yes");
  location.reload();
  return new Promise(() => {});
}

/** @param {string|undefined} part */
function decoded(part) {
  try { return part && decodeURIComponent(part); } catch { return part; }
}

function find(address) {
  for (const route of ROUTES) {
    const match = route.path.exec(address.split("?")[0]);
    if (match) return { match, route };
  }
  return {};
}

async function begin() {
  build();
  await session.resume();
  let wasLoggedIn = session.user !== null;
  session.addEventListener("change", () => {
    account = null;
    if (session.user) feed.open(); else feed.close();
    if (wasLoggedIn && !session.user) say(t.errors.over);
    wasLoggedIn = session.user !== null;
    show();
  });
  addEventListener("hashchange", () => show());
  addEventListener("unhandledrejection", (event) => { if (isAborted(event.reason)) event.preventDefault(); });
  watchAlarms();
  if (session.user) feed.open();
  await show(false);
}

await begin();
