// What a person says of this cancellation alone: its own terms, and exceptions for single bookings.

import { announce, closed, fill, h } from "./dom.js";
import { all, get, isPassing, Refused } from "./api.js";
import { CHOICES, overridesOf } from "./overrides.js";
import { nameOf, paidWords } from "./roster.js";
import { termsForm } from "./terms_form.js";
import { sentence } from "./terms_words.js";
import { joined } from "./language.js";
import { counted, say } from "./say/plan.js";
import { bookingWord } from "./states.js";
import { when } from "./words.js";

const MAX_NOTE = 500;
const MOST = 1_000; // exceptions of one request
export class Exceptions {
  #business;
  #ids = [];
  #planned = new Map(); // sessions of the last plan, by id
  #changed;
  #signal;
  #terms = null; // null: as the business has them
  #said = new Map();
  #note = "";
  #words = h("p", { class: "note", role: "status", hidden: true });
  #people = h("button", { type: "button", onclick: () => this.#askOfPeople() }, say("exceptions.people"));
  #own = h("button", { type: "button", onclick: () => this.#askOfTerms() }, say("exceptions.terms"));
  element = h("div", { hidden: true }, h("div", { class: "toolbar" }, this.#people, this.#own), this.#words);

  /** `changed()` is told when something else was said. */
  constructor({ business, changed, signal }) {
    this.#business = business;
    this.#changed = changed;
    this.#signal = signal;
  }

  /** What a request has of it, for these sessions. */
  members(sessionIds) {
    const overrides = overridesOf(this.#said, sessionIds, this.#note);
    return { ...(this.#terms ? { terms: this.#terms } : {}), ...(overrides.length ? { overrides } : {}) };
  }

  /** Says what was said so far, for the sessions that are chosen. */
  show(sessionIds) {
    const count = overridesOf(this.#said, sessionIds, this.#note).length;
    const words = count ? counted(this.#terms ? "exceptions.count_terms" : "exceptions.count", count) : this.#terms && say("exceptions.own_terms");
    this.element.hidden = sessionIds.length === 0;
    this.#ids = sessionIds;
    this.#offer();
    this.#words.hidden = !words;
    this.#words.textContent = words ?? "";
  }

  /** Takes up what a plan says of its sessions: until then nobody can be listed. */
  planned(sessions) {
    this.#planned = new Map(sessions.map((one) => [one.session_id, one]));
    this.#offer();
  }

  #offer() {
    this.#people.disabled = !this.#ids.every((id) => this.#planned.has(id));
  }

  #tell(words) {
    announce(words);
    this.#changed();
  }

  async #askOfPeople() {
    const said = new Map(this.#said);
    const chosen = new Set(this.#ids);
    const sessions = [...this.#planned.values()].filter((one) => one.outcome === "accepted" && chosen.has(one.session_id));
    const note = h("input", { id: "exceptions-note", maxlength: MAX_NOTE, value: this.#note, autocomplete: "off" });
    const error = h("p", { class: "error", role: "alert" });
    const roster = new Roster({ business: this.#business, said, signal: this.#signal });
    const reset = h("button", { type: "button", onclick: () => (said.clear(), roster.reset()) }, say("exceptions.none"));
    const yes = h("button", { class: "primary", value: "yes" }, say("exceptions.apply"));
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", { id: "exceptions-title" }, say("exceptions.title")),
      h("p", { class: "note" }, say("exceptions.note")),
      sessions.map((session) => roster.session(session, sessions.length === 1)),
      h("div", { class: "field" }, h("label", { for: "exceptions-note" }, say("exceptions.why")), note),
      error,
      h("div", { class: "toolbar" }, h("button", { type: "button", onclick: () => dialog.close("") }, say("exceptions.leave")), reset, yes),
    );
    form.addEventListener("submit", (event) => {
      if (event.submitter !== yes) return;
      const count = [...said.values()].filter((one) => one.choice).length;
      error.textContent = "";
      if (count > MOST) error.textContent = counted("exceptions.too_many", MOST);
      else if (count && !note.value.trim()) error.textContent = say("exceptions.say_why");
      if (!error.textContent) return;
      event.preventDefault();
      note.focus();
    });
    const dialog = h("dialog", { class: "wide", "aria-labelledby": "exceptions-title" }, form);
    if ((await closed(dialog, this.#signal)) !== "yes") return;
    this.#said = said;
    this.#note = note.value.trim();
    this.#tell(say("exceptions.taken"));
  }

  async #askOfTerms() {
    const error = h("p", { class: "error", role: "alert" });
    const now = this.#terms ?? (await get("/terms", { signal: this.#signal }));
    const form = termsForm(now, this.#business.currency);
    const yes = h("button", { class: "primary", value: "yes" }, say("exceptions.apply"));
    let read = null;
    const element = h(
      "form",
      { method: "dialog", novalidate: true, class: "terms" },
      h("h2", { id: "own-terms-title" }, say("exceptions.terms_title")),
      h("p", { class: "note" }, say("exceptions.terms_note")),
      form.elements,
      error,
      h(
        "div",
        { class: "toolbar" },
        h("button", { type: "button", onclick: () => dialog.close("") }, say("exceptions.leave")),
        h("button", { type: "button", onclick: () => dialog.close("reset") }, say("exceptions.as_business")),
        yes,
      ),
    );
    element.addEventListener("submit", (event) => {
      if (event.submitter !== yes) return;
      const { terms, errors } = form.read();
      error.textContent = form.blame(errors).join(" ");
      read = terms;
      if (errors.length) event.preventDefault();
    });
    const dialog = h("dialog", { class: "wide", "aria-labelledby": "own-terms-title" }, element);
    const value = await closed(dialog, this.#signal);
    if (!value) return;
    this.#terms = value === "yes" ? read : null;
    this.#tell(this.#terms ? sentence(this.#terms) : say("exceptions.business_holds"));
  }
}

/** Who is booked, session by session, read when one is opened; what is chosen of each is in `said`. */
class Roster {
  #business;
  #said;
  #signal;
  #selects = new Set();

  constructor({ business, said, signal }) {
    this.#business = business;
    this.#said = said;
    this.#signal = signal;
  }

  reset() {
    for (const select of this.#selects) select.value = "";
  }

  session(session, isOpen) {
    const { session_id: id, name, bookings } = session;
    const list = h("ul", { class: "roster" });
    const title = joined([name, when(session), counted("count.bookings", bookings)], " · ");
    const element = h("details", { "data-roster": id }, h("summary", {}, title), list);
    element.addEventListener("toggle", () => element.open && !list.childElementCount && this.#read(id, list));
    element.open = isOpen;
    return element;
  }

  async #read(sessionId, list) {
    fill(list, h("li", { class: "note" }, say("roster.loading")));
    try {
      const { data } = await all(`/sessions/${sessionId}/bookings`, {}, { signal: this.#signal });
      const rows = await Promise.all(data.filter((one) => one.status !== "cancelled").map((one) => this.#row(one)));
      fill(list, rows.length ? rows : h("li", { class: "note" }, say("roster.nobody")));
    } catch (failed) {
      if (this.#signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      const again = h("button", { type: "button", onclick: () => this.#read(sessionId, list) }, say("frame.try_again"));
      fill(list, h("li", {}, failed.message, " ", again));
    }
  }

  async #row(booking) {
    const who = await nameOf(this.#business, booking.client_id, this.#signal);
    const paid = paidWords(booking.payments);
    const select = h(
      "select",
      { "aria-label": say("exceptions.comes_back", { who }) },
      CHOICES.map((value) => h("option", { value }, say(`exceptions.${value || "by_terms"}`))),
    );
    select.value = this.#said.get(booking.id)?.choice ?? "";
    select.addEventListener("change", () => this.#said.set(booking.id, { sessionId: booking.session_id, choice: select.value }));
    this.#selects.add(select);
    const state = booking.status === "booked" ? null : ` · ${bookingWord(booking.status)}`;
    return h("li", { "data-exception": booking.id }, h("span", {}, h("bdi", {}, who), h("span", { class: "soft" }, ` · ${paid ?? say("roster.nothing_paid")}`, state)), select);
  }
}
