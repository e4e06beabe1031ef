// What a person says of this cancellation alone: its own terms, and exceptions for single bookings.

import { announce, closed, fill, h } from "./dom.js";
import { all, get, isPassing, Refused } from "./api.js";
import { CHOICES, overridesOf } from "./overrides.js";
import { nameOf, paidWords } from "./roster.js";
import { termsForm } from "./terms_form.js";
import { sentence } from "./terms_words.js";
import { BOOKING } from "./states.js";
import { plural, when } from "./words.js";

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
  #people = h("button", { type: "button", onclick: () => this.#askOfPeople() }, "Exceptions…");
  #own = h("button", { type: "button", onclick: () => this.#askOfTerms() }, "Other terms…");
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
    const words = [count && plural(count, "exception"), this.#terms && "terms of its own"].filter(Boolean).join(" and ");
    this.element.hidden = sessionIds.length === 0;
    this.#ids = sessionIds;
    this.#offer();
    this.#words.hidden = !words;
    this.#words.textContent = words && `This cancellation has ${words}.`;
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
    const reset = h("button", { type: "button", onclick: () => (said.clear(), roster.reset()) }, "No exceptions");
    const yes = h("button", { class: "primary", value: "yes" }, "Apply");
    const form = h(
      "form",
      { method: "dialog" },
      h("h2", { id: "exceptions-title" }, "Exceptions for people"),
      h("p", { class: "note" }, "What is said here of a booking goes before the terms, and before who attended. It is in the audit, with your name."),
      sessions.map((session) => roster.session(session, sessions.length === 1)),
      h("div", { class: "field" }, h("label", { for: "exceptions-note" }, "Why, for the audit"), note),
      error,
      h("div", { class: "toolbar" }, h("button", { type: "button", onclick: () => dialog.close("") }, "Leave it as it was"), reset, yes),
    );
    form.addEventListener("submit", (event) => {
      if (event.submitter !== yes) return;
      const count = [...said.values()].filter((one) => one.choice).length;
      error.textContent = "";
      if (count > MOST) error.textContent = `At most ${plural(MOST, "exception")} can be made at a time.`;
      else if (count && !note.value.trim()) error.textContent = "Say why: the audit has it.";
      if (!error.textContent) return;
      event.preventDefault();
      note.focus();
    });
    const dialog = h("dialog", { class: "wide", "aria-labelledby": "exceptions-title" }, form);
    if ((await closed(dialog, this.#signal)) !== "yes") return;
    this.#said = said;
    this.#note = note.value.trim();
    this.#tell("The exceptions are taken over.");
  }

  async #askOfTerms() {
    const error = h("p", { class: "error", role: "alert" });
    const now = this.#terms ?? (await get("/terms", { signal: this.#signal }));
    const form = termsForm(now, this.#business.currency);
    const yes = h("button", { class: "primary", value: "yes" }, "Apply");
    let read = null;
    const element = h(
      "form",
      { method: "dialog", novalidate: true, class: "terms" },
      h("h2", { id: "own-terms-title" }, "Terms of this cancellation"),
      h("p", { class: "note" }, "They hold for what is cancelled now, and are kept with it. The business's own stay as they are."),
      form.elements,
      error,
      h(
        "div",
        { class: "toolbar" },
        h("button", { type: "button", onclick: () => dialog.close("") }, "Leave it as it was"),
        h("button", { type: "button", onclick: () => dialog.close("reset") }, "As the business has them"),
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
    this.#tell(this.#terms ? sentence(this.#terms) : "The business's own terms hold.");
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
    const title = `${name} · ${when(session)} · ${plural(bookings, "booking")}`;
    const element = h("details", { "data-roster": id }, h("summary", {}, title), list);
    element.addEventListener("toggle", () => element.open && !list.childElementCount && this.#read(id, list));
    element.open = isOpen;
    return element;
  }

  async #read(sessionId, list) {
    fill(list, h("li", { class: "note" }, "Loading who is booked…"));
    try {
      const { data } = await all(`/sessions/${sessionId}/bookings`, {}, { signal: this.#signal });
      const rows = await Promise.all(data.filter((one) => one.status !== "cancelled").map((one) => this.#row(one)));
      fill(list, rows.length ? rows : h("li", { class: "note" }, "Nobody is booked."));
    } catch (failed) {
      if (this.#signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      const again = h("button", { type: "button", onclick: () => this.#read(sessionId, list) }, "Try again");
      fill(list, h("li", {}, failed.message, " ", again));
    }
  }

  async #row(booking) {
    const who = await nameOf(this.#business, booking.client_id, this.#signal);
    const paid = paidWords(booking.payments);
    const select = h(
      "select",
      { "aria-label": `What comes back to ${who}` },
      Object.entries(CHOICES).map(([value, words]) => h("option", { value }, words)),
    );
    select.value = this.#said.get(booking.id)?.choice ?? "";
    select.addEventListener("change", () => this.#said.set(booking.id, { sessionId: booking.session_id, choice: select.value }));
    this.#selects.add(select);
    const state = booking.status === "booked" ? null : ` · ${BOOKING[booking.status]}`;
    return h("li", { "data-exception": booking.id }, h("span", {}, who, h("span", { class: "soft" }, ` · ${paid ?? "nothing paid"}`, state)), select);
  }
}
