import { fill, h } from "./dom.js";
import { addDays, dayText, startOfDay } from "./format.js";
import { dialog, iconButton } from "./shell.js";
import { t } from "./texts.js";

const monthName = new Intl.DateTimeFormat(undefined, { month: "long", year: "numeric" });
const longDay = new Intl.DateTimeFormat(undefined, { dateStyle: "full" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "short" });

/**
 * A month in which days with recordings are marked. Arrow keys move, Enter chooses.
 * @param {Date} chosen @param {(month: string) => Promise<Set<string>>} daysOf  `YYYY-MM` → days as `YYYY-MM-DD`
 * @returns {Promise<Date|null>}
 */
export async function chooseDay(chosen, daysOf) {
  let answer = null;
  await dialog(t.timeline.calendar, (close) => {
    let month = new Date(chosen.getFullYear(), chosen.getMonth(), 1);
    let focused = startOfDay(chosen);
    const title = h("h3", { "aria-live": "polite" });
    const grid = h("div.month", { role: "group", "aria-label": t.timeline.day });

    function show(takesFocus) {
      title.textContent = monthName.format(month);
      // Weeks begin on Monday, as ISO 8601 has it.
      const first = addDays(month, -((month.getDay() + 6) % 7));
      fill(
        grid,
        Array.from({ length: 7 }, (_, day) => h("span.weekday", { "aria-hidden": "true" }, weekday.format(addDays(first, day)))),
        Array.from({ length: 42 }, (_, place) => dayButton(addDays(first, place))),
      );
      if (takesFocus) grid.querySelector("[tabindex='0']")?.focus();
      const shown = month;
      const name = dayText(month).slice(0, 7);
      daysOf(name).then((days) => {
        if (shown !== month) return;
        for (const button of grid.querySelectorAll("button")) {
          if (!days.has(button.dataset.day)) continue;
          button.classList.add("recorded");
          button.setAttribute("aria-label", `${button.getAttribute("aria-label")}, ${t.timeline.hasRecordings}`);
        }
      }, () => {});
    }

    function dayButton(day) {
      const isOther = day.getMonth() !== month.getMonth();
      return h(
        "button.day", {
          type: "button", class: isOther ? "other" : "", "data-day": dayText(day), "aria-label": longDay.format(day),
          "aria-pressed": String(dayText(day) === dayText(chosen)), disabled: day > new Date(),
          tabIndex: dayText(day) === dayText(focused) ? 0 : -1,
          onclick: () => { answer = day; close(); },
        }, day.getDate(),
      );
    }

    const turn = (months) => { month = new Date(month.getFullYear(), month.getMonth() + months, 1); focused = month; show(false); };
    grid.addEventListener("keydown", (event) => {
      const days = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -7, ArrowDown: 7 }[event.key];
      if (!days) return;
      event.preventDefault();
      const next = addDays(focused, days);
      if (next > new Date()) return;
      focused = next;
      month = new Date(next.getFullYear(), next.getMonth(), 1);
      show(true);
    });
    show(false);
    return [
      h("div.row.between", null, iconButton("back", t.timeline.previousMonth, () => turn(-1), ".plain"), title, iconButton("next", t.timeline.nextMonth, () => turn(1), ".plain")),
      grid,
    ];
  });
  return answer;
}
