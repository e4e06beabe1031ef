// One client's bookings as their app shows them, for staff: what was cancelled, and what came back of it.

import { drawn, fill, h } from "./dom.js";
import { get, isPassing, Refused } from "./api.js";
import { keptByRule } from "./terms_words.js";
import { joined, within } from "./language.js";
import { elsewhere, returned } from "./said.js";
import { counted, say } from "./say/job.js";
import { bookingWord } from "./states.js";
import { when } from "./words.js";

const BOOKINGS = 50;

export async function show(main, { business, query, signal }) {
  document.title = `${say("client.title")} · ${business.name}`;
  const field = h("input", { id: "client", name: "client", required: true, maxlength: 128, autocomplete: "off", value: query.get("client") ?? "" });
  const results = h("div", { "aria-live": "polite" });
  const mayErase = business.key.scopes.includes("business:manage");
  const theirs = h("p", { hidden: true });
  let asking = new AbortController();
  async function look() {
    theirs.hidden = true;
    asking.abort(); // a client who was named before is not shown under this one's name
    asking = new AbortController();
    const asked = AbortSignal.any([asking.signal, signal]);
    try {
      await list(field.value.trim(), results, asked);
      theirs.hidden = !mayErase;
      fill(theirs, h("a", { href: `/settings/privacy?client=${encodeURIComponent(field.value.trim())}` }, say("client.privacy")));
    } catch (error) {
      if (asked.aborted) return;
      const isKnown = error instanceof Refused || isPassing(error);
      fill(results, h("p", { class: "error" }, isKnown ? error.message : say("frame.reload")));
      if (!isKnown) console.error(error);
    }
  }
  const submit = (event) => {
    event.preventDefault();
    look();
  };
  const form = h(
    "form",
    { class: "toolbar", onsubmit: submit },
    h("div", { class: "field" }, h("label", { for: "client" }, say("client.id")), field),
    h("button", {}, say("client.show")),
  );
  fill(main, h("h1", {}, say("calendar.a_client")), h("p", { class: "note" }, say("client.about")), form, results, theirs);
  if (field.value) await look();
}

async function list(client, results, asked) {
  const page = await get(`/clients/${encodeURIComponent(client)}/bookings?limit=${BOOKINGS}`, { signal: asked });
  if (!page.data.length) {
    fill(results, h("p", { class: "note" }, say("client.none")));
    return;
  }
  const more = page.next_cursor !== null && h("p", { class: "note" }, counted("client.latest", BOOKINGS));
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
    h("p", { class: "soft" }, joined([when(session), elsewhere(session)], " · ")),
    isCancelled && h("p", {}, h("span", { class: "badge cancelled" }, say("common.cancelled")), session.cancellation?.reason && ` ${session.cancellation.reason}`),
    booking.status !== "booked" && h("p", {}, say("client.booking", { state: bookingWord(booking.status) })),
    back && h("p", {}, say("client.returned", { sum: back })),
    coming && h("p", {}, say("client.on_its_way", { sum: coming })),
    onTop.map(({ credits }) => h("p", {}, say("client.goodwill", { sum: counted("common.credits", credits) }))),
    keptByRule(keptOf(booking)).map(([rule, sum]) => h("p", {}, say("client.kept", { sum, rule: within(rule) }))),
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
  h("li", { class: "card", "data-booking": id }, h("p", { class: "name" }, session.name), h("p", { class: "error" }, say("client.broken")));
