// Sessions to tick, by day: ranges with shift, arrow keys from box to box, filters that hide without unticking. What has
// begun stands apart and is ticked one by one. A tick touches one row and a count, however long the list is. Ticks are in
// the history's entry, so that a reload and Back find them, and who comes by a link begins with none.

import { alike } from "./alike.js";
import { now } from "./clock.js";
import { announce, drawn, fill, h } from "./dom.js";
import { joined } from "./language.js";
import { elsewhere } from "./said.js";
import { counted, say } from "./say/plan.js";
import { dayName, number, times } from "./words.js";

const isFree = (entry) => !entry.box.disabled;
const isShown = (entry) => !entry.row.hidden;
const isTicked = (entry) => entry.box.checked;
const isToCome = (entry) => isFree(entry) && !entry.hasBegun; // what is ticked together with others

export class SessionList {
  element = h("div", { class: "sessions" });
  count = h("p", { class: "note ticked-count" }); // how many are ticked, in words
  buttons = [this.#ofAll("pick.all", true), this.#ofAll("pick.no_one", false)]; // for what is shown and to come, once it is
  #begun = h("details", { class: "begun" }); // those that have
  #entries = []; // of `entryOf`, in start order
  #byId = new Map();
  #last = null; // the entry that was ticked or unticked last
  #shift = false;
  #passes = () => true;
  #none;
  #more = h("div", { class: "more" }); // what is like the session that was ticked last
  #nothing = h("p", { class: "note", hidden: true }, say("pick.none_passes"));
  #remembered = history.state?.ticks ?? { toCome: [], begun: [] };
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

  /** Shows these, and which day is today; what was ticked and still can be stays so. */
  show(sessions, today) {
    const kept = new Set(this.#ticks());
    const [toComeThen, begunThen] = [this.#remembered.toCome, this.#remembered.begun].map((ids) => new Set(ids));
    this.#stand(true);
    this.#entries = sessions.map((one) => entryOf(one, now()));
    this.#byId = new Map(this.#entries.map((entry) => [entry.session.id, entry]));
    this.#last = null;
    for (const entry of this.#entries) {
      const had = entry.session.cancellation;
      if (had) take(entry, had.in_process, had.job_id);
      else if (entry.session.status === "cancelled") take(entry, false, null); // by the platform itself
      else if (kept.has(entry.session.id)) tick(entry, true);
      else if ((entry.hasBegun ? begunThen : toComeThen).has(entry.session.id)) tick(entry, true);
    }
    this.#remembered = { toCome: [], begun: [] }; // of a page that was left: said once
    this.#more.remove();
    const [begun, toCome] = [true, false].map((one) => this.#entries.filter((entry) => entry.hasBegun === one));
    fill(this.#begun, h("summary", {}, begunWords(begun.length)), this.#sections(begun, today));
    this.#begun.open ||= !toCome.length || begun.some(isTicked);
    fill(this.element, begun.length > 0 && this.#begun, this.#entries.length ? this.#sections(toCome, today) : this.#none(), this.#nothing);
    this.filter(this.#passes);
  }

  /** Whether a session has begun since it was shown as one to come. */
  isBehind() {
    return this.#entries.some((entry) => !entry.hasBegun && hasBegun(entry.session, now()));
  }

  #sections(entries, today) {
    const days = Map.groupBy(entries, (entry) => entry.session.business_date);
    return [...days].map(([day, members]) => this.#section(day === today ? say("pick.today", { day: dayName(day) }) : dayName(day), members));
  }

  /** Shows only sessions for whose entry `test(entry)` holds: {session, words (in lower case), box, hasBegun}. */
  filter(test) {
    this.#passes = test;
    const seen = new Set();
    for (const entry of this.#entries) {
      entry.row.hidden = !test(entry);
      if (isShown(entry)) seen.add(entry.section);
    }
    for (const section of new Set(this.#entries.map((entry) => entry.section))) section.hidden = !seen.has(section);
    this.#nothing.hidden = seen.size > 0 || !this.#entries.length;
    this.#begun.hidden = !this.#entries.some((entry) => entry.hasBegun && isShown(entry));
    this.#tell();
  }

  /** A button that ticks all to come that are shown; or unticks all, also what a filter hides. */
  #ofAll(words, on) {
    const press = () => {
      this.#more.remove();
      for (const entry of this.#entries) if (!on || (isShown(entry) && isToCome(entry))) tick(entry, on);
      this.#tell();
    };
    return h("button", { onclick: press, disabled: true }, say(words));
  }

  /** Takes out what a plan found to be taken by others. */
  mark(planned) {
    const isNews = (one) => one.outcome !== "accepted" && this.#byId.has(one.session_id) && isFree(this.#byId.get(one.session_id));
    const taken = planned.filter(isNews);
    for (const one of taken) take(this.#byId.get(one.session_id), one.outcome === "already_in_process", one.job_id);
    if (taken.length) this.#tell();
  }

  #section(name, members) {
    const all = h("button", { class: "plain", hidden: members[0].hasBegun, "aria-label": say("pick.all_of", { day: name }) }, say("pick.all"));
    all.addEventListener("click", () => {
      const free = members.filter((entry) => isToCome(entry) && isShown(entry));
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
    const isThere = (entry) => isFree(entry) && isShown(entry) && (!entry.hasBegun || this.#begun.open);
    const boxes = this.#entries.filter(isThere).map((entry) => entry.box);
    boxes[boxes.indexOf(event.target) + step]?.focus();
    event.preventDefault();
  }

  #ticked(event) {
    const entry = this.#byId.get(event.target.value);
    tick(entry, event.target.checked);
    if (this.#shift && this.#last && this.#last !== entry && isShown(this.#last)) {
      const [from, to] = [this.#last, entry].map((one) => this.#entries.indexOf(one)).sort((a, b) => a - b);
      const on = isTicked(entry);
      for (const one of this.#entries.slice(from, to + 1)) if (isShown(one) && (!on || isToCome(one))) tick(one, on);
    }
    this.#last = entry;
    this.#tell();
    this.#offerMore(entry);
  }

  /** Beside what was just ticked: a button for each way to take along what is like it. */
  #offerMore(entry) {
    this.#more.remove();
    if (!isTicked(entry)) return;
    const others = this.#entries.filter((one) => isToCome(one) && isShown(one) && !isTicked(one)).map((one) => one.session);
    const ways = alike(entry.session, others);
    const add = ({ sessions, words }) => {
      for (const one of sessions) tick(this.#byId.get(one.id), true);
      this.#more.remove();
      entry.box.focus();
      this.#tell();
      announce(say("pick.added", { what: words }));
    };
    fill(this.#more, ways.map((way) => h("button", { onclick: () => add(way) }, `+ ${way.words}`)));
    if (ways.length) entry.row.append(this.#more);
  }

  #tell() {
    const ticked = this.#entries.filter(isTicked);
    const unseen = ticked.filter((entry) => !isShown(entry)).length;
    const sessions = counted("count.sessions", this.#entries.filter(isFree).length);
    const begun = ticked.filter((entry) => entry.hasBegun).length;
    const hidden = unseen && say("pick.hidden", { n: number(unseen) });
    const late = begun && say("pick.late", { n: number(begun) });
    this.count.textContent = [say("pick.ticked", { n: number(ticked.length), sessions }), late, hidden].filter(Boolean).join(say("frame.comma"));
    this.buttons[0].disabled = !this.#entries.some((entry) => isToCome(entry) && isShown(entry));
    this.#remember(ticked);
    this.#changed();
  }

  #remember(ticked) {
    const [begun, toCome] = [true, false].map((one) => ticked.filter((entry) => entry.hasBegun === one).map((entry) => entry.session.id));
    const ticks = { toCome, begun };
    if (JSON.stringify(history.state?.ticks) !== JSON.stringify(ticks)) history.replaceState({ ...history.state, ticks }, "");
  }
}

const hasBegun = (session, at) => Date.parse(session.starts_at) <= at;

const begunWords = (count) => [
  h("strong", {}, counted("pick.have_begun", count)),
  h("span", { class: "soft" }, ` ${say("pick.one_by_one")}`),
];

/** A session with its row, the row's parts, the section it stands in, and the words to search it by. */
function entryOf(session, at) {
  const box = h("input", { type: "checkbox", value: session.id });
  const state = h("span", { class: "state", hidden: true });
  const label = h(
    "label",
    {},
    box,
    drawn(() => described(session, at), () => [h("span", { class: "name" }, session.name), h("span", { class: "error where" }, say("pick.not_whole"))]),
  );
  const row = h("li", { class: "row", "data-session": session.id }, label, state);
  const words = [session.name, session.location, session.instructor, session.id].join("\n").toLowerCase();
  return { session, words, row, box, state, section: null, hasBegun: hasBegun(session, at) };
}

function described(session, at) {
  const where = joined([session.location, session.instructor, elsewhere(session)], " · ");
  const { booked, capacity } = session;
  return [
    h("span", {}, h("span", { class: "soft" }, times(session)), " ", h("span", { class: "name" }, session.name), begunBadge(session, at)),
    h("span", { class: "soft" }, capacity === null ? counted("count.booked", booked) : say("pick.capacity", { n: number(booked), capacity: number(capacity) })),
    where && h("span", { class: "soft where" }, where),
  ];
}

function begunBadge(session, at) {
  if (session.status === "cancelled" || !hasBegun(session, at)) return null;
  return [" ", h("span", { class: "badge late" }, say(Date.parse(session.ends_at) <= at ? "pick.over" : "pick.has_begun"))];
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
  const words = say(inProcess ? "outcome.already_in_process" : "common.cancelled");
  fill(entry.state, h("span", { class: "badge cancelled" }, words), " ", jobId && h("a", { href: `/jobs/${jobId}` }, say("frame.see_job")));
  entry.state.hidden = false;
}
