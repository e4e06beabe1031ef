// What clients see: the public schedule with what is cancelled, as people, calendars and search engines read it; and one
// client's own bookings with what came back, as an app shows them.

import { announce, fill, h, icon } from "./dom.js";
import { all, get, key, patiently, Refused } from "./api.js";
import { keepLooking } from "./live.js";
import { dayName, dayOf, days, moment, plusDays, rangeName, returned, times } from "./words.js";

const EVERY_SECONDS = 10;
const SCHEMA = "https://schema.org/";
const EVENT_STATUS = { scheduled: `${SCHEMA}EventScheduled`, cancelled: `${SCHEMA}EventCancelled` };
const main = document.getElementById("main");
const bar = document.getElementById("bar");
const business = decodeURIComponent(location.pathname.split("/")[2]);
const path = `/public/${encodeURIComponent(business)}/schedule`;
const { signal } = new AbortController();

async function show() {
  const from = new URLSearchParams(location.search).get("from");
  const asked = from ? { date_from: from, date_to: plusDays(from, 6) } : {};
  const read = () => all(path, asked, { signal });
  let week = await patiently(read, { signal, waiting: () => announce("The schedule can't be reached. Trying again…") });
  document.title = `Schedule · ${week.business}`;
  fill(bar, h("span", { class: "brand" }, week.business));
  const list = h("div", { class: "week" });
  const lost = h("p", { class: "note warning", role: "status", hidden: true }, "The schedule can't be reached. Trying again…");
  fill(main, h("h1", {}, rangeName(week.date_from, week.date_to)), toolbar(week), lost, list, ownBookings());
  draw(list, week);
  let drawn = JSON.stringify(week);
  const look = async () => {
    week = await read();
    if (JSON.stringify(week) === drawn) return;
    drawn = JSON.stringify(week);
    draw(list, week);
  };
  keepLooking(look, { seconds: EVERY_SECONDS, signal, reached: (well) => (lost.hidden = well) }).catch(console.error);
}

function toolbar(week) {
  const to = (day) => `${location.pathname}?from=${day}`;
  const feed = new URL(`/v1${path}.ics`, location.origin);
  return h(
    "nav",
    { class: "toolbar", "aria-label": "Weeks" },
    h("a", { class: "button", href: to(plusDays(week.date_from, -7)) }, icon("back"), "Previous week"),
    h("a", { class: "button", href: location.pathname }, "This week"),
    h("a", { class: "button", href: to(plusDays(week.date_from, 7)) }, "Next week", icon("on")),
    h("a", { class: "button end", href: feed.href.replace(/^https?:/, "webcal:") }, "Subscribe in your calendar"),
  );
}

function draw(list, week) {
  const byDay = Map.groupBy(week.data, (session) => dayOf(session.starts_at, week.timezone));
  fill(list, ...days(week.date_from, week.date_to).map((day) => column(day, byDay.get(day) ?? [], week.business)));
}

function column(day, sessions, organizer) {
  return h(
    "section",
    { class: "day", "aria-labelledby": `day-${day}` },
    h("h2", { id: `day-${day}` }, dayName(day)),
    sessions.length ? h("ul", {}, ...sessions.map((session) => card(session, organizer))) : h("p", { class: "note" }, "Nothing on."),
  );
}

// A card is schema.org's Event too, for search engines: what they want and people don't is said in elements unseen.
function card(session, organizer) {
  const isCancelled = session.status === "cancelled";
  const reason = session.cancellation?.reason;
  return h(
    "li",
    { class: isCancelled ? "card cancelled" : "card", "data-session": session.id, ...itemOf("Event") },
    h("meta", { itemprop: "startDate", content: session.starts_at }),
    h("meta", { itemprop: "endDate", content: session.ends_at }),
    h("link", { itemprop: "eventStatus", href: EVENT_STATUS[session.status] }),
    h("link", { itemprop: "eventAttendanceMode", href: `${SCHEMA}OfflineEventAttendanceMode` }),
    named("organizer", "Organization", h("meta", { itemprop: "name", content: organizer })),
    h("p", { class: "time" }, times(session)),
    h("p", { class: "name", itemprop: "name" }, session.name),
    h(
      "p",
      { class: "soft" },
      named("location", "Place", session.location ? h("span", { itemprop: "name" }, session.location) : h("meta", { itemprop: "name", content: organizer })),
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
  const submit = (event) => {
    event.preventDefault();
    list(field.value.trim(), results).catch((error) => {
      fill(results, h("p", { class: "error" }, error instanceof Refused ? error.message : "Something went wrong. Try again."));
      if (!(error instanceof Refused)) console.error(error);
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
    key.get() ? form : h("p", { class: "note" }, "For staff: ", h("a", { href: "/" }, "sign in"), " in this tab to see them."),
    results,
  );
}

async function list(client, results) {
  const page = await get(`/clients/${encodeURIComponent(client)}/bookings?limit=50`, { signal });
  if (!page.data.length) {
    fill(results, h("p", { class: "note" }, "This client has no bookings."));
    return;
  }
  fill(results, h("ul", { class: "day" }, ...page.data.map(bookingCard)));
}

function bookingCard(booking) {
  const { session } = booking;
  const isCancelled = session.status === "cancelled";
  const back = returned(booking.returned);
  const coming = returned(booking.on_the_way);
  return h(
    "li",
    { class: isCancelled ? "card cancelled" : "card", "data-booking": booking.id },
    h("p", { class: "name" }, session.name),
    h("p", { class: "soft" }, moment(session.starts_at, session.timezone)),
    isCancelled && h("p", {}, h("span", { class: "badge cancelled" }, "Cancelled"), session.cancellation?.reason && ` ${session.cancellation.reason}`),
    back && h("p", {}, `Returned: ${back}`),
    coming && h("p", {}, `On its way back: ${coming}`),
  );
}

if (!key.get()) {
  const demo = document.querySelector('meta[name="bulk-cancel-demo-key"]')?.content;
  if (demo) key.keep(demo);
}
show().catch((error) => {
  if (!(error instanceof Refused)) console.error(error);
  document.title = "Not found";
  fill(main, h("h1", {}, error.status === 404 ? "There is no such schedule" : "That did not work"), h("p", { role: "alert" }, error.message));
});
