import { all, deviceAt, optional, put, remove } from "./api.js";
import { fill, h } from "./dom.js";
import { dateTime, zone } from "./format.js";
import { check, dialog, field, form, iconButton, notice, say, Complaint } from "./shell.js";
import { t } from "./texts.js";

const RIGHTS = ["live", "playback", "control", "talk"];
const DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/** Who else may see a camera, what, when and until when. @param {any} device @param {any} account */
export async function shareDialog(device, account) {
  const path = `${deviceAt(device.device_id)}/shares`;
  let shares = await optional(all(path));
  await dialog(t.share.title(device.name), () => {
    if (!shares) return notice(t.common.notHere);
    const list = h("ul.people", { "aria-label": t.share.people });
    const place = h("div");

    const show = () => fill(list, shares.length ? shares.map((share) => h(
      "li", null,
      h("div", null, h("strong", null, share.user), h("p.muted", null, wordsOf(share))),
      h(
        "div.row", null,
        iconButton("gear", t.share.change(share.user), () => edit(share), ".plain"),
        iconButton("trash", t.share.stop(share.user), () => stop(share), ".plain"),
      ),
    )) : h("li.muted", null, t.share.none));

    async function stop(share) {
      await remove(`${path}/${encodeURIComponent(share.user)}`);
      shares = shares.filter((other) => other !== share);
      say(t.share.stopped(share.user), "good");
      show();
    }

    function edit(share) {
      const editor = shareForm(share, async (user, body) => {
        if (user === account.user) throw new Complaint(t.share.own);
        const answer = await put(`${path}/${encodeURIComponent(user)}`, body);
        shares = [...shares.filter((other) => other.user !== answer.user), answer];
        say(t.share.done(answer.user), "good");
        show();
        edit(undefined);
      });
      fill(place, editor);
      if (share) editor.querySelector("input[type=checkbox]")?.focus();
    }

    show();
    edit(undefined);
    return [list, place];
  });
}

function wordsOf(share) {
  const words = [share.rights.map((right) => t.share.right[right] ?? right).join(", ")];
  for (const { days, from, to } of share.schedule?.periods ?? []) words.push(`${days.map((day) => t.share.days[day]).join(" ")} ${from}–${to}`);
  if (share.expires_at) words.push(t.share.until(dateTime(share.expires_at)));
  return words.join(" · ");
}

function shareForm(share, save) {
  const user = h("input", { required: true, value: share?.user ?? "", readOnly: Boolean(share), autocapitalize: "none", spellcheck: false, autocomplete: "off" });
  const rights = RIGHTS.map((right) => h("input", { type: "checkbox", value: right, checked: share ? share.rights.includes(right) : right === "live" }));
  const period = share?.schedule?.periods[0];
  const isTimed = h("input", { type: "checkbox", checked: Boolean(period), onchange: () => { times.hidden = !isTimed.checked; } });
  const days = DAYS.map((day) => h("input", { type: "checkbox", value: day, checked: period ? period.days.includes(day) : true }));
  const from = h("input", { type: "time", value: period?.from ?? "08:00" }), to = h("input", { type: "time", value: period?.to ?? "20:00" });
  const until = h("input", { type: "datetime-local", value: share?.expires_at ? localText(new Date(share.expires_at)) : "" });
  const times = h(
    "div.fields", { hidden: !period },
    h("div.row.wrap", null, days.map((input) => check(t.share.days[input.value], input))),
    h("div.row.two", null, field(t.share.from, from), field(t.share.to, to)),
  );
  const chosen = (inputs) => inputs.filter((input) => input.checked).map((input) => input.value);

  const work = () => {
    const body = { rights: chosen(rights) };
    if (!body.rights.length) throw new Complaint(t.share.needRight);
    if (isTimed.checked) {
      if (!chosen(days).length) throw new Complaint(t.share.needDay);
      // What this form does not show of a schedule stays.
      const others = share?.schedule?.periods.slice(1) ?? [];
      body.schedule = { time_zone: share?.schedule?.time_zone ?? zone(), periods: [{ days: chosen(days), from: from.value, to: to.value }, ...others] };
    }
    if (until.value) body.expires_at = new Date(until.value).toISOString();
    return save(user.value.trim(), body);
  };
  return form({
    kind: "card",
    fields: [
      field(t.share.user, user),
      h("fieldset", null, h("legend", null, t.share.rights), h("div.row.wrap", null, rights.map((input) => check(t.share.right[input.value], input)))),
      check(t.share.schedule, isTimed), times, field(t.share.expires, until, t.share.always),
    ],
    verb: share ? t.common.save : t.share.add,
    work: async () => work(),
  });
}

const localText = (moment) => new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
