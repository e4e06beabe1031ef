// One session opened from the schedule: who is booked, how they paid and in which state each booking is.

import { closed, fill, h } from "./dom.js";
import { all, get, isPassing, Refused } from "./api.js";
import { mayAudit } from "./audit.js";
import { BOOKING, REFUND } from "./states.js";
import { elsewhere, money, number, plural, times, dayName } from "./words.js";

/** What was paid, in words; null: nothing. */
export const paidWords = (payments) =>
  payments.map((one) => (one.method === "payment" ? money(one) : plural(one.credits, "credit"))).join(" + ") || null;

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
  const where = [session.location, session.instructor, elsewhere(session)].filter(Boolean).join(" · ");
  const day = session.business_date;
  const dialog = h(
    "dialog",
    { class: "wide", "aria-labelledby": "roster-title" },
    h(
      "form",
      { method: "dialog" },
      h("h2", { id: "roster-title" }, session.name),
      h("p", {}, `${dayName(day)}, ${times(session)}`, where && h("span", { class: "soft" }, ` · ${where}`)),
      h("p", { class: "soft" }, session.capacity === null ? `${number(session.booked)} booked` : `${number(session.booked)} of ${number(session.capacity)} booked`),
      list,
      h(
        "div",
        { class: "toolbar" },
        session.status === "scheduled" && h("a", { class: "button", href: `/bulk-cancel?from=${day}&to=${day}` }, "Cancel sessions of this day…"),
        h("button", { class: "primary" }, "Close"),
      ),
    ),
  );
  const read = async () => {
    fill(list, h("li", { class: "note" }, "Loading who is booked…"));
    try {
      const { data } = await all(`/sessions/${session.id}/bookings`, {}, { signal });
      const rows = await Promise.all(data.map((one) => row(one, business, signal)));
      fill(list, rows.length ? rows : h("li", { class: "note" }, "Nobody is booked."));
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      fill(list, h("li", {}, failed.message, " ", h("button", { type: "button", onclick: read }, "Try again")));
    }
  };
  const done = closed(dialog, signal);
  read().catch(console.error);
  return done;
}

async function row(booking, business, signal) {
  const who = await nameOf(business, booking.client_id, signal);
  const refunds = [...new Set(booking.refunds.map((one) => REFUND[one.status].name))].join(", ");
  const state = [BOOKING[booking.status], refunds].filter(Boolean).join(" · ");
  return h("li", { "data-booking": booking.id }, h("span", {}, who, h("span", { class: "soft" }, ` · ${paidWords(booking.payments) ?? "nothing paid"}`)), h("span", { class: "soft" }, state));
}
