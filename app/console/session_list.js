// Sessions to tick, by day: ranges with shift, arrow keys from box to box, filters that hide without unticking. A tick
// touches one row and a count, however long the list is.

import { fill, h } from "./dom.js";
import { dayName, dayOf, number, plural, times } from "./words.js";

/** A list whose `changed()` is called when other sessions are ticked. */
export function sessionList({ zone, changed }) {
  const element = h("div", { class: "sessions" });
  const count = h("p", { class: "note", id: "ticked-count" });
  let entries = []; // {session, words, row, box, state, section}, in start order
  const byId = new Map();
  let last = null; // the entry that was ticked or unticked last
  let shift = false;
  let passes = () => true;

  const isFree = (entry) => !entry.box.disabled;
  const isShown = (entry) => !entry.row.hidden;
  const isTicked = (entry) => entry.box.checked;
  const ticked = () => entries.filter(isTicked).map((entry) => entry.session.id);

  function tick(entry, on) {
    if (!isFree(entry)) return;
    entry.box.checked = on;
    entry.row.classList.toggle("ticked", on);
  }

  function tell() {
    const all = entries.filter(isTicked);
    const unseen = all.filter((entry) => !isShown(entry)).length;
    const free = entries.filter(isFree).length;
    count.textContent =
      `${number(all.length)} of ${plural(free, "session")} selected` +
      (unseen ? `, ${number(unseen)} of them hidden by the filter` : "");
    changed();
  }

  element.addEventListener("mousedown", (event) => {
    shift = event.shiftKey;
    if (shift && event.target.closest(".row")) event.preventDefault(); // or the text between would be marked
  });
  element.addEventListener("keydown", (event) => {
    shift = event.shiftKey;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches("input[type=checkbox]")) return;
    const boxes = entries.filter((entry) => isFree(entry) && isShown(entry)).map((entry) => entry.box);
    boxes[boxes.indexOf(event.target) + step]?.focus();
    event.preventDefault();
  });
  element.addEventListener("change", (event) => {
    const entry = byId.get(event.target.value);
    tick(entry, event.target.checked);
    if (shift && last && last !== entry && isShown(last)) {
      const [from, to] = [entries.indexOf(last), entries.indexOf(entry)].sort((a, b) => a - b);
      entries.slice(from, to + 1).forEach((one) => isShown(one) && tick(one, isTicked(entry)));
    }
    last = entry;
    tell();
  });

  function entryOf(session) {
    const where = [session.location, session.instructor].filter(Boolean).join(" · ");
    const box = h("input", { type: "checkbox", value: session.id });
    const capacity = session.capacity === null ? "" : ` of ${number(session.capacity)}`;
    const state = h("span", { class: "state", hidden: true });
    const row = h(
      "li",
      { class: "row", "data-session": session.id },
      h(
        "label",
        {},
        box,
        h("span", {}, h("span", { class: "soft" }, times(session, zone)), " ", h("span", { class: "name" }, session.name)),
        h("span", { class: "soft" }, `${number(session.booked)}${capacity} booked`),
        where && h("span", { class: "soft where" }, where),
      ),
      state,
    );
    const words = [session.name, session.location, session.instructor, session.id].join("\n").toLowerCase();
    return { session, words, row, box, state, section: null };
  }

  /** Says of a session that it can't be ticked, and why. */
  function take(entry, words, jobId) {
    tick(entry, false);
    entry.box.disabled = true;
    entry.row.classList.add("taken");
    fill(entry.state, h("span", { class: "badge cancelled" }, words), " ", h("a", { href: `/jobs/${jobId}` }, "See its job"));
    entry.state.hidden = false;
  }

  function show(sessions) {
    const kept = new Set(ticked());
    byId.clear();
    entries = sessions.map(entryOf);
    for (const entry of entries) {
      byId.set(entry.session.id, entry);
      const had = entry.session.cancellation;
      if (had) take(entry, had.in_process ? "Already in process" : "Cancelled", had.job_id);
      else if (kept.has(entry.session.id)) tick(entry, true);
    }
    last = null;
    const days = Map.groupBy(entries, (entry) => dayOf(entry.session.starts_at, zone));
    fill(element, ...[...days].map(([day, members]) => section(day, members)));
    if (!entries.length) fill(element, h("p", { class: "note" }, "No session starts on these days."));
    filter(passes);
  }

  function section(day, members) {
    const name = dayName(day);
    const all = h("button", { class: "plain" }, "Select all", h("span", { class: "unseen" }, ` of ${name}`));
    all.addEventListener("click", () => {
      const free = members.filter((entry) => isFree(entry) && isShown(entry));
      const on = !free.every(isTicked);
      free.forEach((entry) => tick(entry, on));
      tell();
    });
    const made = h("section", {}, h("h2", {}, name, all), h("ul", {}, ...members.map((entry) => entry.row)));
    members.forEach((entry) => (entry.section = made));
    return made;
  }

  function filter(test) {
    passes = test;
    const seen = new Set();
    for (const entry of entries) {
      entry.row.hidden = !passes(entry.session, entry.words);
      if (!entry.row.hidden) seen.add(entry.section);
    }
    new Set(entries.map((entry) => entry.section)).forEach((one) => (one.hidden = !seen.has(one)));
    tell();
  }

  return {
    element,
    count,
    ticked,
    show,
    /** Shows only sessions for which `test(session, its words in lower case)` holds. */
    filter,
    /** Ticks or unticks all that are shown; none: also what a filter hides. */
    tickAll(on) {
      entries.forEach((entry) => (on ? isShown(entry) && tick(entry, true) : tick(entry, false)));
      tell();
    },
    /** Takes out what a plan found to be taken by others. */
    mark(planned) {
      const isNews = (one) => one.outcome !== "accepted" && byId.has(one.session_id) && isFree(byId.get(one.session_id));
      const taken = planned.filter(isNews);
      for (const one of taken) {
        take(byId.get(one.session_id), one.outcome === "already_in_process" ? "Already in process" : "Cancelled", one.job_id);
      }
      if (taken.length) tell();
      return taken;
    },
  };
}
