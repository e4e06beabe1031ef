// What narrows the sessions to choose from: the days, and filters over what is loaded.

import { fill, h } from "./dom.js";
import { say } from "./say/plan.js";
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
    elements: [field("date-from", say("pick.from"), from), field("date-to", say("pick.to"), to)],
    /** Shows a range, but not over what is being typed. */
    show(now) {
      range = { ...now };
      settled ??= range;
      if (document.activeElement !== from) from.value = now.date_from;
      if (document.activeElement !== to) to.value = now.date_to;
    },
  };
}

const STATES = {
  open: ["pick.open", (entry) => !entry.hasBegun && !entry.box.disabled],
  begun: ["pick.begun", (entry) => entry.hasBegun],
  cancelled: ["common.cancelled", (entry) => entry.box.disabled],
};

/** Filters in a row; `filter(test)` is given `test(entry)`, of the list's entries, as they change. */
export function filterFields(filter) {
  const text = h("input", { type: "search", id: "text", placeholder: say("pick.search"), class: "chip" });
  const [places, people, states] = ["location", "instructor", "state"].map((id) => h("select", { id, class: "chip" }));
  fill(states, h("option", { value: "" }, say("pick.any_status")), Object.entries(STATES).map(([value, [words]]) => h("option", { value }, say(words))));
  const inputs = [text, places, people, states];
  const test = (entry) =>
    (!places.value || entry.session.location === places.value) &&
    (!people.value || entry.session.instructor === people.value) &&
    (!states.value || STATES[states.value][1](entry)) &&
    text.value.toLowerCase().split(/\s+/).every((word) => entry.words.includes(word));
  const clear = h("button", { class: "plain", hidden: true, onclick: () => reset() }, say("pick.clear"));
  const changed = () => {
    for (const input of inputs) input.classList.toggle("on", input.value !== "");
    clear.hidden = !inputs.some((input) => input.value);
    filter(test);
  };
  const reset = () => {
    for (const input of inputs) input.value = "";
    changed();
    text.focus();
  };
  for (const input of inputs) {
    input.addEventListener("input", changed);
    input.addEventListener("focus", () => input.scrollIntoView({ block: "nearest", inline: "nearest" }));
  }
  const chip = (input, words) => [h("label", { for: input.id, class: "unseen" }, words), input];
  const chips = [chip(text, say("pick.search")), chip(places, say("pick.location")), chip(people, say("pick.instructor")), chip(states, say("pick.status"))];
  return {
    element: h("div", { class: "chips scrolls", role: "group", "aria-label": say("pick.filters") }, chips.flat(), clear),
    reset,
    /** Offers the places and people that these sessions have. */
    offer(sessions) {
      offer(places, say("pick.all_locations"), sessions.map((one) => one.location));
      offer(people, say("pick.all_instructors"), sessions.map((one) => one.instructor));
      for (const input of [places, people]) input.classList.toggle("on", input.value !== "");
    },
  };
}

function offer(select, words, values) {
  const chosen = select.value;
  const known = [...new Set(values.filter(Boolean))].sort((a, b) => a.localeCompare(b));
  fill(select, h("option", { value: "" }, words), known.map((value) => h("option", { value }, value)));
  select.value = known.includes(chosen) ? chosen : "";
}
