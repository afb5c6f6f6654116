import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { button, complain } from "./shell.js";
import { t } from "./texts.js";

/** @typedef {{title: string, kind?: "number", value: (item: any) => any}} Column */

/** @param {string} label @param {Column[]} columns @param {any[]} items */
export function table(label, columns, items) {
  const body = h("tbody");
  const add = (list) => body.append(...list.map((item) => h("tr", null, columns.map((column) => h(
    "td", { class: column.kind ?? "", "data-label": column.title }, column.value(item) ?? "–",
  )))));
  add(items);
  const element = h(
    "div.table-place", { role: "region", "aria-label": label, tabIndex: 0 },
    h(
      "table.stacks", { "aria-label": label },
      h("thead", null, h("tr", null, columns.map((column) => h("th", { scope: "col", class: column.kind ?? "" }, column.title || h("span.unseen", null, t.common.actions))))), body,
    ),
  );
  return { element, add, show: (list) => { fill(body); add(list); } };
}

/**
 * A list of the platform, page by page, asked for anew by `load(query)`.
 * @param {{label: string, path: string, columns: Column[], empty: string, signal: AbortSignal, limit?: number}} parts
 */
export function pagedTable({ label, path, columns, empty, signal, limit = 50 }) {
  const shown = table(label, columns, []);
  const nothing = h("p.notice", { hidden: true }, empty);
  let cursor, query = {}, turn = 0;
  const more = button(null, t.common.more, () => next(turn));
  more.hidden = true;

  async function next(mine) {
    try {
      const answer = await get(path, { ...query, limit, cursor }, signal);
      // A question that was asked later counts, whichever answer comes first.
      if (mine !== turn) return [];
      if (cursor === undefined) shown.show(answer.items); else shown.add(answer.items);
      nothing.hidden = cursor !== undefined || answer.items.length > 0;
      shown.element.hidden = !nothing.hidden;
      cursor = answer.next_cursor;
      more.hidden = !cursor;
      return answer.items;
    } catch (error) {
      complain(error);
      return [];
    }
  }

  const load = (wanted = query) => {
    query = wanted;
    cursor = undefined;
    turn += 1;
    return next(turn);
  };
  return { element: h("div.page", null, shown.element, nothing, h("div.row.end", null, more)), load };
}
