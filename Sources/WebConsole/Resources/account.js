import { Problem, all, get, optional, post, put, remove } from "./api.js";
import { fill, h } from "./dom.js";
import { ago, dateTime, length, size } from "./format.js";
import { qrCode } from "./qr.js";
import { session } from "./session.js";
import { Complaint, button, confirm, dialog, field, form, heading, iconButton, say } from "./shell.js";
import { t } from "./texts.js";

/** Password, two-step login, sessions, and what the recordings take. */
export async function page({ account, signal }) {
  const current = (await optional(get("/account", {}, signal))) ?? account;
  const parts = [passwordCard(), current.totp ? totpCard(current.totp.enabled) : null, await sessionsCard(signal), await storageCard(signal)];
  return {
    title: t.account.title,
    element: h(
      "div.page", null, heading(t.account.title, button("exit", t.nav.logOut, () => session.logOut())),
      h("p.muted", null, `${current.user} · ${t.account.role[current.role] ?? current.role}`), h("div.two-columns", null, parts),
    ),
  };
}

const card = (title, ...content) => h("section.card", { "aria-label": title }, h("h2", null, title), content);

function passwordCard() {
  const old = h("input", { type: "password", autocomplete: "current-password", required: true });
  const first = h("input", { type: "password", autocomplete: "new-password", required: true, minLength: 8, maxLength: 128 });
  const second = h("input", { type: "password", autocomplete: "new-password", required: true });
  return card(t.account.password, form({
    fields: [field(t.account.old, old), field(t.account.new, first), field(t.account.repeat, second)],
    verb: t.common.save,
    work: async (element) => {
      if (first.value !== second.value) throw new Complaint(t.account.differ);
      await put("/account/password", { password: old.value, new_password: first.value }).catch(notYet);
      element.reset();
      say(t.account.changed, "good");
    },
  }));
}

/** A call that an older platform does not have says so. @param {unknown} error @returns {never} */
function notYet(error) {
  if (error instanceof Problem && (error.status === 404 || error.status === 405)) throw new Complaint(t.common.notHere);
  throw error;
}

function totpCard(isOn) {
  const place = h("div.fields");
  const show = () => fill(
    place, h("p.muted", null, isOn ? t.account.totpOn : t.account.totpOff),
    isOn ? disableForm() : button("key", t.account.enable, enable, ".primary"),
  );

  async function enable() {
    await dialog(t.account.totp, (close) => {
      const content = h("div.fields");
      const password = h("input", { type: "password", autocomplete: "current-password", required: true });
      fill(content, form({
        fields: [field(t.common.password, password)], verb: t.login.confirm,
        work: async () => fill(content, await confirmForm(await post("/account/totp", { password: password.value }), content, close)),
      }));
      return content;
    });
    show();
  }

  function confirmForm({ secret, uri }, content, close) {
    const code = h("input", { autocomplete: "one-time-code", inputMode: "numeric", required: true, maxLength: 8 });
    return h(
      "div.fields", null, h("p", null, t.account.scan), h("div.bind", null, qrCode(uri, t.account.qr)),
      h("p.hint", null, t.account.secret), h("p.secret", null, secret),
      form({
        fields: [field(t.login.code, code)], verb: t.account.enable,
        work: async () => {
          const { recovery_codes: codes } = await post("/account/totp/confirm", { code: code.value.trim() });
          isOn = true;
          fill(
            content, h("h3", null, t.account.recovery), h("p", null, t.account.recoveryText),
            h("ul.codes", null, codes.map((one) => h("li", null, one))), h("div.row.end", null, button(null, t.common.close, close, ".primary")),
          );
        },
      }),
    );
  }

  function disableForm() {
    const password = h("input", { type: "password", autocomplete: "current-password", required: true });
    const code = h("input", { autocomplete: "one-time-code", required: true, maxLength: 32 });
    return form({
      fields: [field(t.common.password, password), field(t.login.code, code)], verb: t.account.disable,
      work: async () => {
        await remove("/account/totp", { password: password.value, code: code.value.trim() });
        isOn = false;
        show();
        say(t.common.saved, "good");
      },
    });
  }

  show();
  return card(t.account.totp, place);
}

async function sessionsCard(signal) {
  let sessions = await optional(all("/sessions", {}, signal));
  if (!sessions) return null;
  const list = h("ul.people");
  const others = button(null, t.account.endOthers, async () => {
    await remove("/sessions");
    sessions = sessions.filter((one) => one.current);
    say(t.account.ended, "good");
    show();
  });
  const show = () => {
    fill(list, sessions.map((one) => h(
      "li", null,
      h(
        "div", null, h("strong", null, one.client || one.address || one.session_id), one.current && h("span.muted", null, ` · ${t.account.current}`),
        h("p.muted", null, [one.address, one.last_used_at && t.account.used(ago(one.last_used_at)), dateTime(one.created_at)].filter(Boolean).join(" · ")),
      ),
      !one.current && button(null, t.account.end, async () => {
        await remove(`/sessions/${encodeURIComponent(one.session_id)}`);
        sessions = sessions.filter((other) => other !== one);
        show();
      }),
    )));
    others.hidden = sessions.length < 2;
  };
  show();
  return card(t.account.sessions, list, h("div.row.end", null, others));
}

async function storageCard(signal) {
  const [use, clips] = await Promise.all([optional(get("/usage/recordings", { limit: 200 }, signal)), optional(all("/kept-clips", {}, signal))]);
  if (!use) return null;
  const rows = use.items.map((item) => h(
    "li", null, h("span", null, `${item.device_id} · ${t.cameras.channel(item.channel)}`),
    h("span.muted", null, t.account.use(size(item.bytes), length(item.recorded_seconds))),
  ));
  const list = h("ul.people");
  let kept = clips ?? [];
  const show = () => fill(list, kept.map((clip) => h(
    "li", null, h("div", null, h("strong", null, clip.note || clip.device_id), h("p.muted", null, `${dateTime(clip.from)} – ${dateTime(clip.to)}`)),
    iconButton("trash", t.clip.release, async () => {
      if (!(await confirm(t.clip.release, clip.note || dateTime(clip.from), t.clip.release))) return;
      await remove(`/kept-clips/${encodeURIComponent(clip.clip_id)}`);
      kept = kept.filter((other) => other !== clip);
      show();
    }, ".plain"),
  )));
  show();
  return card(
    t.account.storage, h("p", null, t.account.use(size(use.total.bytes), length(use.total.recorded_seconds))), h("ul.people", null, rows),
    kept.length ? [h("h3", null, t.clip.kept_title), list] : null,
  );
}
