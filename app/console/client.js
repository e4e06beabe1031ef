// What clients see: the public schedule with what is cancelled, as people, calendars and search engines read it; and one
// client's own bookings with what came back, as an app shows them.

import { drawn, fill, h, showTestMode, showWaits } from "./dom.js";
import { get, isPassing, key, Refused } from "./api.js";
import { keptByRule } from "./terms_words.js";
import { BOOKING } from "./states.js";
import { elsewhere, plural, returned, times, when } from "./words.js";
import { showWeek, weekLinks } from "./week.js";

const EVERY_SECONDS = 10;
const BOOKINGS = 50;
const SCHEMA = "https://schema.org/";
const EVENT_STATUS = { scheduled: `${SCHEMA}EventScheduled`, cancelled: `${SCHEMA}EventCancelled` };
const main = document.getElementById("main");
const bar = document.getElementById("bar");
const path = `/public/${location.pathname.split("/")[2]}/schedule`; // the business's id, encoded as it came
const { signal } = new AbortController();

async function show() {
  const from = new URLSearchParams(location.search).get("from");
  await showWeek(main, { path, from, seconds: EVERY_SECONDS, signal, head, card, below: [ownBookings()] });
}

function head(week) {
  document.title = `Schedule · ${week.business}`;
  fill(bar, h("span", { class: "brand" }, week.business));
  const feed = new URL(`/v1${path}.ics`, location.origin).href.replace(/^https?:/, "webcal:");
  return h(
    "nav",
    { class: "toolbar", "aria-label": "Weeks" },
    weekLinks(week, location.pathname),
    h("a", { class: "button end", href: feed }, "Subscribe in your calendar"),
  );
}

// A card is schema.org's Event too, for search engines: what they want and people don't is said in elements unseen.
function card(session, week) {
  const isCancelled = session.status === "cancelled";
  const reason = session.cancellation?.reason;
  return h(
    "li",
    { class: isCancelled ? "card cancelled" : "card", "data-session": session.id, ...itemOf("Event") },
    h("meta", { itemprop: "startDate", content: session.starts_at }),
    h("meta", { itemprop: "endDate", content: session.ends_at }),
    h("link", { itemprop: "eventStatus", href: EVENT_STATUS[session.status] }),
    h("link", { itemprop: "eventAttendanceMode", href: `${SCHEMA}OfflineEventAttendanceMode` }),
    named("organizer", "Organization", h("meta", { itemprop: "name", content: week.business })),
    h("p", { class: "time" }, times(session)),
    elsewhere(session) && h("p", { class: "soft" }, elsewhere(session)),
    h("p", { class: "name", itemprop: "name" }, session.name),
    h(
      "p",
      { class: "soft" },
      named("location", "Place", session.location ? h("span", { itemprop: "name" }, session.location) : h("meta", { itemprop: "name", content: week.business })),
      session.location && session.instructor && " · ",
      session.instructor && named("performer", "Person", h("span", { itemprop: "name" }, session.instructor)),
    ),
    isCancelled && h("p", {}, h("span", { class: "badge cancelled" }, "Cancelled"), reason && ` ${reason}`),
  );
}

const itemOf = (type) => ({ itemscope: true, itemtype: SCHEMA + type });
const named = (member, type, name) => h("span", { itemprop: member, ...itemOf(type) }, name);

// One client's bookings. An app's backend asks for them with the business's key and knows who its client is; here a
// member of staff who is signed in in this tab names the client.
function ownBookings() {
  const field = h("input", { id: "client", name: "client", required: true, maxlength: 128, autocomplete: "off" });
  const results = h("div", { "aria-live": "polite" });
  let asking = new AbortController();
  const submit = (event) => {
    event.preventDefault();
    asking.abort(); // a client who was named before is not shown under this one's name
    asking = new AbortController();
    const { signal: asked } = asking;
    list(field.value.trim(), results, asked).catch((error) => {
      if (asked.aborted) return;
      const isKnown = error instanceof Refused || isPassing(error);
      fill(results, h("p", { class: "error" }, isKnown ? error.message : "Something went wrong. Load the page again."));
      if (!isKnown) console.error(error);
    });
  };
  const form = h(
    "form",
    { class: "toolbar", onsubmit: submit },
    h("div", { class: "field" }, h("label", { for: "client" }, "Client"), field),
    h("button", {}, "Show the bookings"),
  );
  return h(
    "section",
    { class: "panel", "aria-labelledby": "own-title" },
    h("h2", { id: "own-title" }, "A client's own bookings, as your app shows them"),
    key.isHere() ? form : h("p", { class: "note" }, "For staff: ", h("a", { href: "/" }, "sign in"), " in this tab to see them."),
    results,
  );
}

async function list(client, results, asked) {
  const page = await get(`/clients/${encodeURIComponent(client)}/bookings?limit=${BOOKINGS}`, { signal: asked });
  if (!page.data.length) {
    fill(results, h("p", { class: "note" }, "This client has no bookings."));
    return;
  }
  const more = page.next_cursor !== null && h("p", { class: "note" }, `The latest ${BOOKINGS} of more.`);
  fill(results, h("ul", { class: "bookings" }, page.data.map((one) => drawn(() => bookingCard(one), () => broken(one)))), more);
}

function bookingCard(booking) {
  const { session } = booking;
  const isCancelled = session.status === "cancelled";
  const back = returned(booking.returned);
  const coming = returned(booking.on_the_way);
  const onTop = booking.refunds.filter((one) => one.returned_as === "goodwill" && one.status === "succeeded");
  return h(
    "li",
    { class: isCancelled ? "card cancelled" : "card", "data-booking": booking.id },
    h("p", { class: "name" }, session.name),
    h("p", { class: "soft" }, [when(session), elsewhere(session)].filter(Boolean).join(" · ")),
    isCancelled && h("p", {}, h("span", { class: "badge cancelled" }, "Cancelled"), session.cancellation?.reason && ` ${session.cancellation.reason}`),
    booking.status !== "booked" && h("p", {}, `Booking: ${BOOKING[booking.status]}`),
    back && h("p", {}, `Returned: ${back}`),
    coming && h("p", {}, `On its way back: ${coming}`),
    onTop.map(({ credits }) => h("p", {}, `Goodwill: ${plural(credits, "credit")}`)),
    keptByRule(keptOf(booking)).map(([rule, sum]) => h("p", {}, `Kept: ${sum} (${rule.toLowerCase()})`)),
  );
}

/** What the cancellation of its session keeps of a booking, as totals have it: by rule, currency by currency. */
function keptOf({ refunds, session }) {
  const sums = new Map();
  for (const { job_id: job, kept_by: rule, currency, kept_amount_minor: amount, kept_credits: credits } of refunds) {
    if (job !== session.cancellation?.job_id || !(amount || credits)) continue;
    const sum = sums.get(`${rule} ${currency}`) ?? { kept_by: rule, currency, amount_minor: 0, credits: 0 };
    sums.set(`${rule} ${currency}`, { ...sum, amount_minor: sum.amount_minor + amount, credits: sum.credits + credits });
  }
  return [...sums.values()];
}

const broken = ({ id, session }) =>
  h("li", { class: "card", "data-booking": id }, h("p", { class: "name" }, session.name), h("p", { class: "error" }, "This booking can't be shown."));

showTestMode();
showWaits();
key.orDemos();
show().catch((error) => {
  if (!(error instanceof Refused)) console.error(error);
  document.title = "Not found";
  fill(main, h("h1", {}, error.status === 404 ? "There is no such schedule" : "That did not work"), h("p", { role: "alert" }, error.message));
});
