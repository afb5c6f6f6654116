import { all, get, optional, patch, post, remove, request } from "./api.js";
import { fill, h } from "./dom.js";
import { dateTime } from "./format.js";
import { button, confirm, dialog, field, form, notice, say } from "./shell.js";
import { pagedTable, table } from "./tables.js";
import { t } from "./texts.js";

/** Who may log in. */
export async function users({ account, signal }) {
  const search = h("input", { type: "search", "aria-label": t.common.search, placeholder: t.common.search, autocomplete: "off" });
  let known = [];
  const path = (user) => `/admin/users/${encodeURIComponent(user.user)}`;
  const shown = table(t.operate.pages.users, [
    { title: t.common.user, value: (user) => user.user },
    { title: t.operate.roleLabel, value: (user) => t.account.role[user.role] ?? user.role },
    { title: t.common.state, value: (user) => (user.disabled ? t.states.disabled : "") },
    { title: t.operate.created, value: (user) => dateTime(user.created_at) },
    {
      title: "", value: (user) => h(
        "div.row", null,
        user.user !== account.user && button(null, user.disabled ? t.operate.enable : t.operate.disable, async () => {
          await patch(path(user), { disabled: !user.disabled });
          await load();
        }),
        button("key", t.operate.setPassword, () => setPassword(user, path(user))),
        button(null, t.operate.resetTotp, async () => {
          if (!(await confirm(t.operate.resetTotp, user.user, t.operate.resetTotp))) return;
          await remove(`${path(user)}/totp`);
          say(t.common.saved, "good");
        }),
      ),
    },
  ], []);
  const show = () => shown.show(known.filter((user) => user.user.toLowerCase().includes(search.value.toLowerCase())).slice(0, 200));
  const load = async () => { known = await all("/admin/users", {}, signal, 10_000); show(); };
  search.addEventListener("input", show);
  await load();
  return h(
    "div.page", null, h("div.filters", { role: "search" }, h("div.field.wide", null, search), button("plus", t.operate.addUser, () => addUser().then(load), ".primary")),
    shown.element,
  );
}

function addUser() {
  return dialog(t.operate.addUser, (close) => {
    const user = h("input", { required: true, maxLength: 64, pattern: "[A-Za-z0-9._:\\-]+", spellcheck: false, autocomplete: "off" });
    const password = h("input", { type: "password", required: true, minLength: 8, maxLength: 128, autocomplete: "new-password" });
    const role = h("select", null, Object.entries(t.account.role).map(([value, text]) => h("option", { value }, text)));
    return form({
      fields: [field(t.login.user, user), field(t.login.password, password), field(t.operate.roleLabel, role)], verb: t.common.add,
      work: async () => { await post("/admin/users", { user: user.value, password: password.value, role: role.value }); close(); },
    });
  });
}

function setPassword(user, path) {
  return dialog(`${t.operate.setPassword}: ${user.user}`, (close) => {
    const password = h("input", { type: "password", required: true, minLength: 8, maxLength: 128, autocomplete: "new-password" });
    return form({
      fields: [field(t.account.new, password)], verb: t.common.save,
      work: async () => { await post(`${path}/password`, { password: password.value }); say(t.account.changed, "good"); close(); },
    });
  });
}

/** Who did what, in a chain that shows whether something was taken out. */
export async function audit({ signal }) {
  if (!(await optional(get("/admin/audit", { limit: 1 }, signal)))) return notice(t.common.notHere);
  const user = h("input", { autocomplete: "off" }), action = h("input", { autocomplete: "off" });
  const from = h("input", { type: "datetime-local" }), to = h("input", { type: "datetime-local" });
  const list = pagedTable({
    label: t.operate.pages.audit, path: "/admin/audit", empty: t.common.none, signal, limit: 100,
    columns: [
      { title: t.operate.at, value: (line) => dateTime(line.at) },
      { title: t.common.user, value: (line) => [line.user, h("div.muted", null, line.address)] },
      { title: t.operate.action, value: (line) => line.action },
      { title: t.operate.object, value: (line) => line.object },
      { title: t.operate.result, value: (line) => line.result },
      { title: t.operate.detail, value: (line) => (typeof line.detail === "object" ? JSON.stringify(line.detail) : line.detail) },
    ],
  });
  const time = (input) => (input.value ? new Date(input.value).toISOString() : "");
  const load = () => list.load({ user: user.value.trim(), action: action.value.trim(), from: time(from), to: time(to) });
  for (const input of [user, action, from, to]) input.addEventListener("change", load);
  const verdict = h("p", { role: "status" });
  const verify = button(null, t.operate.verify, async () => {
    const answer = await get("/admin/audit/verify", {}, signal);
    const isWhole = answer.intact;
    fill(verdict, isWhole ? t.operate.verified : h("strong.failure", null, t.operate.broken));
  });
  const download = button("download", t.operate.export, async () => {
    const blob = await (await request("GET", "/admin/audit/export")).blob();
    const url = URL.createObjectURL(blob);
    h("a", { href: url, download: "audit.ndjson" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  });
  await load();
  return h(
    "div.page", null, h("div.filters", { role: "search" }, field(t.common.user, user), field(t.operate.action, action), field(t.share.from, from), field(t.share.to, to)),
    h("div.row", null, verify, download, verdict), list.element,
  );
}
