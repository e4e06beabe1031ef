// What narrows the sessions to choose from: the days, and filters over what is loaded.

import { fill, h } from "./dom.js";
import { daysBetween, plusDays } from "./words.js";

const field = (id, words, input) => h("div", { class: "field" }, h("label", { for: id }, words), input);

/**
 * Two dates; `picked(range)` when a person changes one. Where it would pass the other, the other follows with as many days
 * between them as there were when the person came to the field: what is typed there is another date at each key.
 */
export function dateFields(picked) {
  let settled = null; // the range as it was then
  let range = null;
  const input = (id, member, other) => {
    const made = h("input", { type: "date", id, required: true, min: "2000-01-01", max: "2100-12-31" });
    made.addEventListener("focus", () => (settled = range));
    made.addEventListener("change", () => {
      if (!made.value || !made.validity.valid) return;
      range = { ...settled, [member]: made.value };
      const days = daysBetween(settled.date_from, settled.date_to);
      if (range.date_from > range.date_to) range[other] = plusDays(made.value, member === "date_from" ? days : -days);
      picked(range);
    });
    return made;
  };
  const from = input("date-from", "date_from", "date_to");
  const to = input("date-to", "date_to", "date_from");
  return {
    elements: [field("date-from", "From", from), field("date-to", "To", to)],
    /** Shows a range, but not over what is being typed. */
    show(now) {
      range = { ...now };
      settled ??= range;
      if (document.activeElement !== from) from.value = now.date_from;
      if (document.activeElement !== to) to.value = now.date_to;
    },
  };
}

/** Filters; `filter(test)` is given `test(session, its words in lower case)` as they change. */
export function filterFields(filter) {
  const text = h("input", { type: "search", id: "text", placeholder: "Name, place or person" });
  const places = h("select", { id: "location" });
  const people = h("select", { id: "instructor" });
  const test = (session, words) =>
    (!places.value || session.location === places.value) &&
    (!people.value || session.instructor === people.value) &&
    text.value.toLowerCase().split(/\s+/).every((word) => words.includes(word));
  for (const input of [text, places, people]) input.addEventListener("input", () => filter(test));
  return {
    elements: [field("text", "Search", text), field("location", "Location", places), field("instructor", "Instructor", people)],
    /** Offers the places and people that these sessions have. */
    offer(sessions) {
      offer(places, "All locations", sessions.map((one) => one.location));
      offer(people, "All instructors", sessions.map((one) => one.instructor));
    },
  };
}

function offer(select, words, values) {
  const chosen = select.value;
  const known = [...new Set(values.filter(Boolean))].sort((a, b) => a.localeCompare(b));
  fill(select, h("option", { value: "" }, words), known.map((value) => h("option", { value }, value)));
  select.value = known.includes(chosen) ? chosen : "";
}
