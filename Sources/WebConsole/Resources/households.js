import { all, get, optional, patch, post, put, remove } from "./api.js";
import { fill, h } from "./dom.js";
import { Complaint, button, check, confirm, dialog, field, form, heading, iconButton, notice } from "./shell.js";
import { t } from "./texts.js";

const RIGHTS = ["live", "playback", "control", "talk"];
const idOf = (device) => device.device_id ?? device;

/** People who share cameras, and one's own arrangement of cameras. */
export async function page({ account, signal }) {
  const [households, groups, devices] = await Promise.all([
    optional(all("/households", {}, signal)), optional(all("/groups", {}, signal)), all("/devices", {}, signal),
  ]);
  if (!households && !groups) return { title: t.households.title, element: h("div.page", null, heading(t.households.title), notice(t.common.notHere)) };
  return {
    title: t.households.title,
    element: h(
      "div.page", null,
      households && await householdsPart(households, devices, account, signal), groups && groupsPart(groups, devices),
    ),
  };
}

async function householdsPart(households, devices, account, signal) {
  const list = h("div.two-columns");
  const details = await Promise.all(households.map((one) => get(`/households/${one.household_id}`, {}, signal)));
  let known = details;
  const show = () => fill(list, known.length ? known.map(card) : notice(t.households.none));
  const replace = (household) => { known = known.map((one) => (one.household_id === household.household_id ? household : one)); show(); };
  const reload = async (household) => replace(await get(`/households/${household.household_id}`));

  function card(household) {
    const path = `/households/${household.household_id}`;
    const isAdmin = account.role === "operator" || household.members.some((one) => one.user === account.user && one.role === "admin");
    const free = devices.filter((device) => device.role !== "guest" && !household.devices.some((one) => idOf(one) === device.device_id));
    const member = (one) => h(
      "li", null,
      h("div", null, h("strong", null, one.user), h("p.muted", null, [t.households.role[one.role], ...one.rights.map((right) => t.share.right[right])].join(" · "))),
      (isAdmin || one.user === account.user) && iconButton("trash", t.households.remove(one.user), async () => {
        await remove(`${path}/members/${encodeURIComponent(one.user)}`);
        if (one.user === account.user) { known = known.filter((other) => other !== household); show(); } else await reload(household);
      }, ".plain"),
    );
    const camera = (one) => h(
      "li", null, h("span", null, nameOf(idOf(one), devices), one.owner && h("span.muted", null, ` · ${one.owner}`)),
      (isAdmin || one.owner === account.user) && iconButton("trash", t.households.remove(nameOf(idOf(one), devices)), async () => {
        await remove(`${path}/devices/${encodeURIComponent(idOf(one))}`);
        await reload(household);
      }, ".plain"),
    );
    return h(
      "section.card", { "aria-label": household.name },
      h("div.heading", null, h("h2", null, household.name), isAdmin && h(
        "div.actions", null,
        iconButton("gear", t.households.rename, () => askName(t.households.rename, household.name, async (name) => {
          await patch(path, { name });
          await reload(household);
        }), ".plain"),
        iconButton("trash", t.households.dissolve, async () => {
          if (!(await confirm(t.households.dissolve, t.households.dissolveText(household.name), t.households.dissolve))) return;
          await remove(path);
          known = known.filter((one) => one !== household);
          show();
        }, ".plain"),
      )),
      h("h3", null, t.households.members), h("ul.people", null, household.members.map(member)),
      isAdmin && h("div.row", null, button("plus", t.households.addMember, () => addMember(path).then(() => reload(household)))),
      h("h3", null, t.households.cameras), h("ul.people", null, household.devices.map(camera)),
      free.length > 0 && chooser(t.households.addCamera, free, async (device) => {
        await put(`${path}/devices/${encodeURIComponent(device)}`, {});
        await reload(household);
      }),
    );
  }

  const add = button("plus", t.households.add, () => askName(t.households.add, "", async (name) => {
    const made = await post("/households", { name });
    known = [...known, await get(`/households/${made.household_id}`)];
    show();
  }), ".primary");
  show();
  return [heading(t.households.title, add), h("p.muted", null, t.households.lead), list];
}

function groupsPart(groups, devices) {
  const list = h("div.two-columns");
  const show = () => fill(list, groups.map(card));

  function card(group) {
    const path = `/groups/${group.group_id}`;
    const members = new Set(group.devices.map(idOf));
    const boxes = devices.map((device) => {
      const box = h("input", { type: "checkbox", checked: members.has(device.device_id) });
      box.addEventListener("change", async () => {
        const address = `${path}/devices/${encodeURIComponent(device.device_id)}`;
        await (box.checked ? put(address, {}) : remove(address)).catch(() => { box.checked = !box.checked; });
      });
      return check(device.name, box);
    });
    return h(
      "section.card", { "aria-label": group.name },
      h("div.heading", null, h("h2", null, group.name), h(
        "div.actions", null,
        iconButton("gear", t.households.rename, () => askName(t.households.rename, group.name, async (name) => {
          await patch(path, { name });
          group.name = name;
          show();
        }), ".plain"),
        iconButton("trash", t.households.remove(group.name), async () => {
          await remove(path);
          groups = groups.filter((one) => one !== group);
          show();
        }, ".plain"),
      )),
      h("div.row.wrap", null, boxes),
    );
  }

  const add = button("plus", t.households.newGroup, () => askName(t.households.newGroup, "", async (name) => {
    groups = [...groups, { devices: [], ...await post("/groups", { name }) }];
    show();
  }));
  show();
  return h(
    "section.page", { "aria-label": t.households.groups },
    h("div.heading", null, h("h2", null, t.households.groups), h("div.actions", null, add)), h("p.muted", null, t.households.groupsLead), list,
  );
}

const nameOf = (id, devices) => devices.find((device) => device.device_id === id)?.name ?? id;

/** @param {string} title @param {string} before @param {(name: string) => Promise<any>} save */
function askName(title, before, save) {
  return dialog(title, (close) => {
    const name = h("input", { required: true, maxLength: 128, value: before });
    return form({ fields: [field(t.common.name, name)], verb: t.common.save, work: async () => { await save(name.value.trim()); close(); } });
  });
}

function addMember(path) {
  return dialog(t.households.addMember, (close) => {
    const user = h("input", { required: true, autocapitalize: "none", spellcheck: false, autocomplete: "off" });
    const role = h("select", null, Object.entries(t.households.role).map(([value, text]) => h("option", { value, selected: value === "member" }, text)));
    const rights = RIGHTS.map((right) => h("input", { type: "checkbox", value: right, checked: right !== "control" }));
    return form({
      fields: [
        field(t.share.user, user), field(t.operate.roleLabel, role),
        h("fieldset", null, h("legend", null, t.share.rights), h("div.row.wrap", null, rights.map((box) => check(t.share.right[box.value], box)))),
      ],
      verb: t.common.add,
      work: async () => {
        const chosen = rights.filter((box) => box.checked).map((box) => box.value);
        if (!chosen.length) throw new Complaint(t.share.needRight);
        await put(`${path}/members/${encodeURIComponent(user.value.trim())}`, { role: role.value, rights: chosen });
        close();
      },
    });
  });
}

function chooser(text, devices, work) {
  const select = h("select", { "aria-label": text }, devices.map((device) => h("option", { value: device.device_id }, device.name)));
  return h("div.row", null, select, button("plus", text, () => work(select.value)));
}
