import { Problem, all, post, remove } from "./api.js";
import { fill, h, repeat } from "./dom.js";
import { dateTime, size } from "./format.js";
import { session } from "./session.js";
import { button, complain, confirm, dialog, field, form, iconButton, say } from "./shell.js";
import { table } from "./tables.js";
import { t } from "./texts.js";

const LOOK_EVERY = 4000;

/** Images and their way to the units. */
export async function firmware({ signal }) {
  const images = table(t.operate.images, [
    { title: t.operate.hardware, value: (image) => image.hardware_model },
    { title: t.operate.version, value: (image) => image.version },
    { title: t.live.stats.size, kind: "number", value: (image) => size(image.size) },
    { title: t.operate.created, value: (image) => dateTime(image.added_at) },
    {
      title: "", value: (image) => h(
        "div.row", null, button("play", t.operate.start, () => start(image).then(load)),
        iconButton("trash", `${t.common.remove} ${image.version}`, async () => {
          if (!(await confirm(t.common.remove, `${image.hardware_model} ${image.version}`, t.common.remove))) return;
          await remove(`/admin/firmware/${image.firmware_id}`);
          await load();
        }, ".plain"),
      ),
    },
  ], []);
  const rollouts = h("div.two-columns");

  async function load() {
    try {
      const [known, running] = await Promise.all([all("/admin/firmware", {}, signal), all("/admin/roll-outs", {}, signal, 100)]);
      images.show(known);
      images.element.hidden = !known.length;
      fill(rollouts, running.length ? running.map((one) => rolloutCard(one, load)) : h("p.muted", null, t.operate.noRollouts));
      none.hidden = known.length > 0;
    } catch (error) {
      complain(error);
    }
  }
  const none = h("p.muted", null, t.operate.noImages);
  await load();
  repeat(LOOK_EVERY, signal, () => { if (!document.activeElement?.closest("table, .card")) load(); });
  return h(
    "div.page", null,
    h("div.heading", null, h("h2", null, t.operate.images), h("div.actions", null, button("plus", t.operate.upload, () => upload().then(load), ".primary"))),
    images.element, none, h("h2", null, t.operate.rollouts), rollouts,
  );
}

function rolloutCard(one, load) {
  const { waiting, updating, done, failed, missed } = one.counts;
  const whole = waiting + updating + done + failed + missed;
  const steer = (verb, text) => button(null, text, async () => { await post(`/admin/roll-outs/${one.roll_out_id}/${verb}`); await load(); });
  const title = `${one.hardware_model} ${one.version}`;
  return h(
    "section.card", { "aria-label": title }, h("h2", null, title),
    h("progress", { max: Math.max(1, whole), value: done, "aria-label": t.operate.progress(done, whole) }),
    h("p", null, `${t.operate.phases[one.phase] ?? one.phase} · ${t.operate.progress(done, whole)}`, failed > 0 && h("span.failure", null, ` · ${t.operate.failed(failed)}`)),
    h("p.muted", null, `${one.created_by} · ${dateTime(one.created_at)}`),
    h(
      "div.row", null, one.phase === "running" && steer("pause", t.operate.pause), ["paused", "stopped"].includes(one.phase) && steer("resume", t.operate.resume),
      ["running", "paused", "stopped"].includes(one.phase) && steer("cancel", t.operate.cancel),
    ),
  );
}

function start(image) {
  return dialog(`${t.operate.start}: ${image.hardware_model} ${image.version}`, (close) => {
    const percent = h("input", { type: "number", min: "1", max: "100", value: "10", required: true });
    const atOnce = h("input", { type: "number", min: "1", max: "1000", value: "20", required: true });
    return form({
      fields: [field(t.operate.percent, percent), field(t.operate.atOnce, atOnce)], verb: t.operate.start,
      work: async () => {
        await post("/admin/roll-outs", { firmware_id: image.firmware_id, percent: Number(percent.value), most_at_once: Number(atOnce.value) });
        say(t.operate.started, "good");
        close();
      },
    });
  });
}

function upload() {
  return dialog(t.operate.upload, (close) => {
    const file = h("input", { type: "file", required: true });
    const model = h("input", { required: true }), version = h("input", { required: true });
    const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": t.operate.upload });
    return form({
      fields: [field(t.operate.file, file), field(t.operate.hardware, model), field(t.operate.version, version), bar], verb: t.operate.uploadGo,
      work: async () => {
        bar.hidden = false;
        const query = new URLSearchParams({ hardware_model: model.value.trim(), version: version.value.trim() });
        await send(`/api/v1/admin/firmware?${query}`, file.files[0], (share) => { bar.value = share; });
        say(t.operate.uploaded, "good");
        close();
      },
    });
  });
}

/** `fetch` does not tell how much of a body has gone. */
async function send(url, file, progress) {
  const token = await session.access();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => progress(total ? loaded / total : 0);
    request.onerror = () => reject(new TypeError(t.errors.offline));
    request.onload = () => {
      if (request.status < 300) return resolve(undefined);
      let body = {};
      try { body = JSON.parse(request.responseText); } catch { /* no problem document: the status says it */ }
      reject(new Problem(request.status, body));
    };
    request.send(file);
  });
}
