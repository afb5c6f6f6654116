import { get, remove } from "./api.js";
import { fill, h, repeat } from "./dom.js";
import { ago, rate, size } from "./format.js";
import { button, complain, confirm, dialog, say } from "./shell.js";
import { pagedTable, table } from "./tables.js";
import { t } from "./texts.js";

const LOOK_EVERY = 5000;

/** What is pushed and watched now, with its figures; a stream or one of its viewers can be ended. */
export async function streams({ signal }) {
  const list = pagedTable({
    label: t.operate.pages.streams, path: "/admin/streams", empty: t.operate.noStreams, signal,
    columns: [
      { title: t.operate.unit, value: (one) => h("a", { href: `#/cameras/${encodeURIComponent(one.device_id)}/${one.channel}` }, `${one.device_id} / ${one.channel}`) },
      { title: t.operate.codec, value: (one) => [one.video, one.audio].filter(Boolean).join(", ") },
      { title: t.operate.bitrate, kind: "number", value: (one) => rate(one.bitrate ?? 0) },
      { title: t.operate.viewers, kind: "number", value: (one) => one.viewers },
      { title: t.operate.received, kind: "number", value: (one) => size(one.bytes_received ?? 0) },
      { title: t.operate.sent, kind: "number", value: (one) => size(one.bytes_sent ?? 0) },
      { title: t.operate.packetsLost, kind: "number", value: (one) => one.packets_lost },
      { title: t.operate.connected, value: (one) => one.started_at && ago(one.started_at) },
      { title: "", value: (one) => h("div.row", null, button("chart", t.operate.detail, () => details(one.stream_id, one.device_id).then(() => list.load()))) },
    ],
  });
  await list.load();
  repeat(LOOK_EVERY, signal, () => { if (!document.querySelector("dialog[open]") && !document.activeElement?.closest("table")) list.load(); });
  return list.element;
}

async function details(stream, device) {
  const life = new AbortController();
  const place = h("div.fields", null, t.common.loading);
  const path = `/admin/streams/${encodeURIComponent(stream)}`;
  const load = () => get(path, { limit: 200 }, life.signal).then((answer) => fill(place, shown(answer)), (error) => { if (!life.signal.aborted) complain(error); });

  const shown = (one) => [
    facts([
      [t.live.stats.size, one.format?.width && `${one.format.width} × ${one.format.height}, ${one.format.frame_rate ?? "–"}/s`],
      [t.operate.codec, one.format?.codecs], [t.operate.bitrate, rate(one.bitrate ?? 0)],
      [t.operate.publisher, one.publisher && `${one.publisher.protocol} · ${one.publisher.remote_address}`],
      [t.operate.latency, one.publisher?.latency_ms && `${one.publisher.latency_ms} ms`],
      [t.operate.rtt, one.publisher?.srt?.ms_rtt !== undefined && `${one.publisher.srt.ms_rtt} ms`],
      [t.operate.packetsLost, one.publisher?.srt?.packets_received_loss],
    ]),
    one.renditions?.length ? [h("h3", null, t.operate.renditions), facts(one.renditions.map((made) => [made.rendition, `${made.state} · ${made.cpu_percent} % CPU · ${rate(made.bitrate)}`]))] : null,
    h("h3", null, t.operate.viewers),
    table(t.operate.viewers, [
      { title: t.common.user, value: (viewer) => viewer.user },
      { title: t.operate.protocol, value: (viewer) => `${viewer.protocol} · ${viewer.rendition}` },
      { title: t.operate.address, value: (viewer) => viewer.remote_address },
      { title: t.operate.sent, kind: "number", value: (viewer) => size(viewer.bytes_sent) },
      { title: t.operate.skipped, kind: "number", value: (viewer) => viewer.skipped },
      {
        title: "", value: (viewer) => h("button", {
          type: "button", "aria-label": t.operate.endViewer(viewer.user ?? viewer.viewer_id),
          onclick: () => remove(`${path}/viewers/${encodeURIComponent(viewer.viewer_id)}`).then(load, complain),
        }, t.account.end),
      },
    ], one.items).element,
    h("div.row.end", null, button("trash", t.operate.endStream, async () => {
      if (!(await confirm(t.operate.endStream, t.operate.endStreamText, t.operate.endStream))) return;
      await remove(path);
      say(t.account.ended, "good");
    }, ".danger")),
  ];
  load();
  repeat(LOOK_EVERY, life.signal, () => { if (!place.contains(document.activeElement)) load(); });
  await dialog(`${t.operate.pages.streams}: ${device}`, () => place);
  life.abort();
}

const facts = (rows) => h("dl.facts", null, rows.filter(([, value]) => value !== undefined && value !== null && value !== false)
  .map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
