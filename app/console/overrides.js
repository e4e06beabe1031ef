// What may be said of a single booking, and how a request says it.

/** Each choice; the first is none. */
export const CHOICES = ["", "skip", "return", "store_credit"];

/** The exceptions that a request names: those for bookings of these sessions. `said` has `{sessionId, choice}` by booking. */
export function overridesOf(said, sessionIds, note) {
  const chosen = new Set(sessionIds);
  return [...said]
    .filter(([, one]) => one.choice && chosen.has(one.sessionId))
    .map(([bookingId, { choice }]) => ({
      booking_id: bookingId,
      action: choice === "skip" ? "skip" : "return",
      ...(choice === "store_credit" ? { return_as: "store_credit" } : {}),
      note,
    }));
}
