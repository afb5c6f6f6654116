import { all, get, optional, post, remove } from "./api.js";
import { fill, h, pause, repeat } from "./dom.js";
import { addDays, ago, dateTime, dayText, length, size, startOfDay } from "./format.js";
import { button, complain, confirm } from "./shell.js";
import { pagedTable, table } from "./tables.js";
import { t } from "./texts.js";

const LOOK_EVERY = 5000;

const figure = (name, value) => h("div.card.figure", null, h("span.muted", null, name), h("strong", null, value));

/** Signalling nodes, and the way to empty one. */
export async function nodes({ signal }) {
  const steer = async (node) => {
    const path = `/admin/nodes/${encodeURIComponent(node.node)}/drain`;
    if (node.draining) await remove(path);
    else if (await confirm(`${t.operate.drain} ${node.node}`, t.operate.drainText, t.operate.drain)) await post(path, {});
    await load();
  };
  const shown = table(t.operate.pages.nodes, [
    { title: t.operate.node, value: (node) => [node.node, h("div.muted", null, node.domain)] },
    { title: t.operate.load, kind: "number", value: (node) => node.units },
    { title: t.operate.asleep, kind: "number", value: (node) => node.asleep },
    { title: t.operate.capacity, kind: "number", value: (node) => node.capacity },
    { title: t.common.state, value: (node) => (node.draining ? `${t.operate.draining}: ${node.drain?.left ?? node.units}` : t.operate.open) },
    { title: "", value: (node) => h("div.row", null, button(null, node.draining ? t.operate.undrain : t.operate.drain, () => steer(node))) },
  ], []);
  const load = () => all("/admin/nodes", {}, signal).then(shown.show, complain);
  await load();
  repeat(LOOK_EVERY, signal, () => { if (!document.activeElement?.closest("table")) load(); });
  return shown.element;
}

/** What is recorded and what was carried, and whether all of it is there. */
export async function storage({ signal }) {
  const month = { from: dayText(addDays(startOfDay(Date.now()), -30)), to: dayText(new Date()) };
  const [{ total }, days] = await Promise.all([get("/admin/usage/recordings", { limit: 1 }, signal), all("/admin/usage", { by: "day", ...month }, signal)]);
  const sum = (name) => days.reduce((whole, day) => whole + (day[name] ?? 0), 0);
  const list = pagedTable({
    label: t.operate.byOwner, path: "/admin/usage/recordings", empty: t.common.none, signal, limit: 100,
    columns: [
      { title: t.operate.owner, value: (one) => one.owner ?? t.operate.nobody },
      { title: t.operate.unit, value: (one) => `${one.device_id} / ${one.channel}` },
      { title: t.operate.recorded, kind: "number", value: (one) => size(one.bytes) },
      { title: t.timeline.title, kind: "number", value: (one) => length(one.recorded_seconds) },
      { title: t.operate.oldest, value: (one) => one.oldest && ago(one.oldest) },
    ],
  });
  await list.load();
  return h(
    "div.page", null,
    h(
      "div.figures", null, figure(t.operate.recorded, size(total.bytes)), figure(t.timeline.title, length(total.recorded_seconds)),
      figure(t.operate.segments, total.segments.toLocaleString()), figure(t.operate.ingest, size(sum("ingest_bytes"))), figure(t.operate.delivered, size(sum("delivered_bytes"))),
    ),
    await checks(signal), h("h2", null, t.operate.byOwner), list.element,
  );
}

async function checks(signal) {
  const place = h("div.fields", { role: "status" });
  const path = "/admin/recordings/check";
  const show = (report) => fill(place, report && [
    h("p", null, t.operate.checkState(report.state, report.checked_segments ?? 0), report.began_at && ` · ${dateTime(report.began_at)}`),
    report.findings?.length ? h("p.failure", null, t.operate.findings(report.findings.length), ": ", Object.entries(report.counts).map(([kind, count]) => `${kind} ${count}`).join(", ")) : null,
  ]);
  const begin = button("search", t.operate.check, async () => {
    let report = await post(path, { depth: "size" });
    for (show(report); report.state === "running"; show(report)) {
      await pause(1000, signal);
      report = await get(path, {}, signal);
    }
  });
  show(await optional(get(path, {}, signal)));
  return h("section.card", { "aria-label": t.operate.check }, h("div.fields", null, place, h("div.row", null, begin)));
}
