// One session opened from the schedule: who is booked, how they paid and in which state each booking is.

import { closed, fill, h } from "./dom.js";
import { all, get, isPassing, Refused } from "./api.js";
import { mayAudit } from "./audit.js";
import { joined } from "./language.js";
import { elsewhere } from "./said.js";
import { counted, say } from "./say/frame.js";
import { bookingWord, refundWord } from "./states.js";
import { money, number, times, dayName } from "./words.js";

/** What was paid, in words; null: nothing. */
export const paidWords = (payments) =>
  payments.map((one) => (one.method === "payment" ? money(one) : counted("common.credits", one.credits))).join(" + ") || null;

/** A client's name for a key that may read it, or else their id. */
export async function nameOf(business, clientId, signal) {
  if (!mayAudit(business)) return clientId;
  try {
    return (await get(`/clients/${encodeURIComponent(clientId)}`, { signal })).name || clientId;
  } catch (failed) {
    if (signal.aborted || !(failed instanceof Refused || isPassing(failed))) throw failed;
    return clientId;
  }
}

/** Shows a session and its roster, until it is closed. */
export function openRoster(session, { business, signal }) {
  const list = h("ul", { class: "roster" });
  const where = joined([session.location, session.instructor, elsewhere(session)], " · ");
  const day = session.business_date;
  const dialog = h(
    "dialog",
    { class: "wide", "aria-labelledby": "roster-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "roster-title" }, session.name),
      h("p", {}, joined([dayName(day), times(session)], say("frame.comma")), where && h("span", { class: "soft" }, ` · ${where}`)),
      h("p", { class: "soft" }, session.capacity === null ? counted("count.booked", session.booked) : say("roster.booked", { booked: number(session.booked), capacity: number(session.capacity) })),
      list,
      h(
        "div",
        { class: "toolbar" },
        session.status === "scheduled" && h("a", { class: "button", href: `/bulk-cancel?from=${day}&to=${day}` }, say("roster.cancel_day")),
        h("button", { class: "primary" }, say("frame.close")),
      ),
    ),
  );
  const read = async () => {
    fill(list, h("li", { class: "note" }, say("roster.loading")));
    try {
      const { data } = await all(`/sessions/${session.id}/bookings`, {}, { signal });
      const rows = await Promise.all(data.map((one) => row(one, business, signal)));
      fill(list, rows.length ? rows : h("li", { class: "note" }, say("roster.nobody")));
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      fill(list, h("li", {}, failed.message, " ", h("button", { type: "button", onclick: read }, say("frame.try_again"))));
    }
  };
  const done = closed(dialog, signal);
  read().catch(console.error);
  return done;
}

async function row(booking, business, signal) {
  const who = await nameOf(business, booking.client_id, signal);
  const refunds = [...new Set(booking.refunds.map((one) => refundWord(one.status)))].join(say("frame.comma"));
  const state = joined([bookingWord(booking.status), refunds], " · ");
  return h("li", { "data-booking": booking.id }, h("span", {}, h("bdi", {}, who), h("span", { class: "soft" }, ` · ${paidWords(booking.payments) ?? say("roster.nothing_paid")}`)), h("span", { class: "soft" }, state));
}
