// Sessions to tick, by day: ranges with shift, arrow keys from box to box, filters that hide without unticking. A tick
// touches one row and a count, however long the list is.

import { drawn, fill, h } from "./dom.js";
import { dayName, elsewhere, number, plural, times } from "./words.js";

const isFree = (entry) => !entry.box.disabled;
const isShown = (entry) => !entry.row.hidden;
const isTicked = (entry) => entry.box.checked;

export class SessionList {
  element = h("div", { class: "sessions" });
  count = h("p", { class: "note ticked-count" }); // how many are ticked, in words
  buttons = [this.#ofAll("Select all", true), this.#ofAll("Select none", false)]; // for what is shown, once it is
  #entries = []; // of `entryOf`, in start order
  #byId = new Map();
  #last = null; // the entry that was ticked or unticked last
  #shift = false;
  #passes = () => true;
  #none;
  stands = false; // is shown, and what is ticked in it is chosen
  #changed;

  /** `changed()` is called when other sessions are ticked; `none()` makes what is shown where there are none. */
  constructor({ changed, none }) {
    this.#none = none;
    this.#changed = changed;
    this.element.addEventListener("mousedown", (event) => this.#pressed(event));
    this.element.addEventListener("keydown", (event) => this.#keyed(event));
    this.element.addEventListener("change", (event) => this.#ticked(event));
  }

  /** The ids of those that are ticked, of a list that stands. */
  ticked() {
    return this.stands ? this.#ticks() : [];
  }

  #ticks() {
    return this.#entries.filter(isTicked).map((entry) => entry.session.id);
  }

  /** Other sessions are on their way: these are shown no more, and none of them is chosen. */
  outdate() {
    this.#stand(false);
    this.#changed();
  }

  #stand(well) {
    this.stands = well;
    this.element.hidden = !well;
    this.count.hidden = !well;
    for (const button of this.buttons) button.disabled = !well;
  }

  /** Shows these; what was ticked and still can be stays so. */
  show(sessions) {
    const kept = new Set(this.#ticks());
    this.#stand(true);
    this.#entries = sessions.map(entryOf);
    this.#byId = new Map(this.#entries.map((entry) => [entry.session.id, entry]));
    this.#last = null;
    for (const entry of this.#entries) {
      const had = entry.session.cancellation;
      if (had) take(entry, had.in_process, had.job_id);
      else if (entry.session.status === "cancelled") take(entry, false, null); // by the platform itself
      else if (kept.has(entry.session.id)) tick(entry, true);
    }
    const days = Map.groupBy(this.#entries, (entry) => entry.session.business_date);
    const sections = [...days].map(([day, members]) => this.#section(dayName(day), members));
    fill(this.element, sections.length ? sections : this.#none());
    this.filter(this.#passes);
  }

  /** Shows only sessions for which `test(session, its words in lower case)` holds. */
  filter(test) {
    this.#passes = test;
    const seen = new Set();
    for (const entry of this.#entries) {
      entry.row.hidden = !test(entry.session, entry.words);
      if (isShown(entry)) seen.add(entry.section);
    }
    for (const section of new Set(this.#entries.map((entry) => entry.section))) section.hidden = !seen.has(section);
    this.#tell();
  }

  /** A button that ticks all that are shown; or unticks all, also what a filter hides. */
  #ofAll(words, on) {
    const press = () => {
      for (const entry of this.#entries) if (!on || isShown(entry)) tick(entry, on);
      this.#tell();
    };
    return h("button", { onclick: press, disabled: true }, words);
  }

  /** Takes out what a plan found to be taken by others. */
  mark(planned) {
    const isNews = (one) => one.outcome !== "accepted" && this.#byId.has(one.session_id) && isFree(this.#byId.get(one.session_id));
    const taken = planned.filter(isNews);
    for (const one of taken) take(this.#byId.get(one.session_id), one.outcome === "already_in_process", one.job_id);
    if (taken.length) this.#tell();
  }

  #section(name, members) {
    const all = h("button", { class: "plain" }, "Select all", h("span", { class: "unseen" }, ` of ${name}`));
    all.addEventListener("click", () => {
      const free = members.filter((entry) => isFree(entry) && isShown(entry));
      const on = !free.every(isTicked);
      for (const entry of free) tick(entry, on);
      this.#tell();
    });
    const rows = members.map((entry) => entry.row);
    const section = h("section", {}, h("h2", {}, name, all), h("ul", {}, rows));
    for (const entry of members) entry.section = section;
    return section;
  }

  #pressed(event) {
    this.#shift = event.shiftKey;
    if (event.shiftKey && event.target.closest(".row")) event.preventDefault(); // or the text between would be marked
  }

  #keyed(event) {
    this.#shift = event.shiftKey;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !event.target.matches("input[type=checkbox]")) return;
    const boxes = this.#entries.filter((entry) => isFree(entry) && isShown(entry)).map((entry) => entry.box);
    boxes[boxes.indexOf(event.target) + step]?.focus();
    event.preventDefault();
  }

  #ticked(event) {
    const entry = this.#byId.get(event.target.value);
    tick(entry, event.target.checked);
    if (this.#shift && this.#last && this.#last !== entry && isShown(this.#last)) {
      const [from, to] = [this.#last, entry].map((one) => this.#entries.indexOf(one)).sort((a, b) => a - b);
      for (const one of this.#entries.slice(from, to + 1)) if (isShown(one)) tick(one, isTicked(entry));
    }
    this.#last = entry;
    this.#tell();
  }

  #tell() {
    const ticked = this.#entries.filter(isTicked);
    const unseen = ticked.filter((entry) => !isShown(entry)).length;
    const of = plural(this.#entries.filter(isFree).length, "session");
    const hidden = unseen ? `, ${number(unseen)} of them hidden by the filter` : "";
    this.count.textContent = `${number(ticked.length)} of ${of} selected${hidden}`;
    this.#changed();
  }
}

/** A session with its row, the row's parts, the section it stands in, and the words to search it by. */
function entryOf(session) {
  const box = h("input", { type: "checkbox", value: session.id });
  const state = h("span", { class: "state", hidden: true });
  const label = h(
    "label",
    {},
    box,
    drawn(() => described(session), () => [h("span", { class: "name" }, session.name), h("span", { class: "error where" }, "This session can't be shown in full.")]),
  );
  const row = h("li", { class: "row", "data-session": session.id }, label, state);
  const words = [session.name, session.location, session.instructor, session.id].join("\n").toLowerCase();
  return { session, words, row, box, state, section: null };
}

function described(session) {
  const where = [session.location, session.instructor, elsewhere(session)].filter(Boolean).join(" · ");
  const capacity = session.capacity === null ? "" : ` of ${number(session.capacity)}`;
  return [
    h("span", {}, h("span", { class: "soft" }, times(session)), " ", h("span", { class: "name" }, session.name)),
    h("span", { class: "soft" }, `${number(session.booked)}${capacity} booked`),
    where && h("span", { class: "soft where" }, where),
  ];
}

function tick(entry, on) {
  if (!isFree(entry)) return;
  entry.box.checked = on;
  entry.row.classList.toggle("ticked", on);
}

/** Says of a session that it can't be ticked, and why. */
function take(entry, inProcess, jobId) {
  tick(entry, false);
  entry.box.disabled = true;
  entry.row.classList.add("taken");
  const words = inProcess ? "Already in process" : "Cancelled";
  fill(entry.state, h("span", { class: "badge cancelled" }, words), " ", jobId && h("a", { href: `/jobs/${jobId}` }, "See its job"));
  entry.state.hidden = false;
}
