// What a plan says: people and money in a sentence, then session by session, what is kept and why, and its warnings.

import { fill, h, terms } from "./dom.js";
import { keptByRule, keptFacts } from "./terms_words.js";
import { kept, money, number, plural, returned, when } from "./words.js";

const NAMED = 3; // sessions of a warning
const FIRST = 5; // sessions that are named before the press
const MOST_SHOWN = 300; // sessions of the list

/** People and money, in parts of which the sums are strong. */
function parts(totals) {
  const strong = (words) => h("strong", {}, words);
  const whom = `This cancels ${plural(totals.sessions, "session")} with ${plural(totals.clients, "person", "people")} booked and gives back `;
  return [whom, strong(returned(totals) ?? "nothing"), ".", ...(kept(totals) ? [" It keeps ", strong(kept(totals)), "."] : [])];
}

/** A plan's people and money in a sentence. */
export const sentenceOf = ({ totals }) => h("p", { class: "lead" }, parts(totals));

/** The same for who hears the page. */
export const inWords = (plan) => sentenceOf(plan).textContent;

const toReturn = ({ totals }) => ["To return", returned(totals) ?? "Nothing"];

/** What goes back beside what is kept and why, and by which terms; null where all of it goes back. */
export function keptList(plan) {
  const facts = keptFacts(plan);
  return facts.length ? h("dl", { class: "facts" }, terms([toReturn(plan), ...facts])) : null;
}

/** The figures of a plan: what is kept and why, and behind a heading each session and how many of what. */
export function figures(plan) {
  const { totals } = plan;
  const list = keptList(plan);
  const counts = [
    ["Sessions", number(totals.sessions)],
    ["People", number(totals.clients)],
    ["Bookings", number(totals.bookings)],
    ...(list ? [] : [toReturn(plan)]),
    ["Refunds", number(totals.refunds)],
    ["With nothing to return", number(totals.nothing_to_return)],
  ];
  return [
    list,
    bySession(plan, h("dl", { class: "facts" }, terms(counts))),
  ];
}

function bySession({ sessions }, counts) {
  const accepted = sessions.filter((one) => one.outcome === "accepted");
  const list = h("ul", { class: "by-session" });
  const element = h("details", {}, h("summary", {}, "Session by session"), counts, list);
  element.addEventListener("toggle", () => {
    if (!element.open || list.childElementCount) return;
    const more = accepted.length - MOST_SHOWN;
    fill(list, accepted.slice(0, MOST_SHOWN).map(line), more > 0 && h("li", { class: "soft" }, `And ${number(more)} more.`));
  });
  return element;
}

/** One session: what goes back, in which form, and what is kept by which rule. */
function line(session) {
  const value = session.store_credits.map(money).join(" + ");
  const back = `Back: ${returned(session) ?? "nothing"}`;
  const words = [
    plural(session.bookings, "booking"),
    value ? `${back}, of it ${value} as store credit` : back,
    session.goodwill.credits > 0 && `on top: ${plural(session.goodwill.credits, "credit")}`,
    ...keptByRule(session.kept).map(([rule, sum]) => `kept: ${sum} (${rule.toLowerCase()})`),
  ];
  return h("li", {}, h("strong", {}, session.name), ` ${when(session)}`, h("div", { class: "soft" }, words.filter(Boolean).join(" · ")));
}

const nameOf = (session) => `${session.name}, ${when(session)}`;

/** The first of a plan's sessions that are cancelled, by name and hour. */
export function firstSessions({ sessions }) {
  const accepted = sessions.filter((one) => one.outcome === "accepted");
  const more = accepted.length - FIRST;
  const names = accepted.slice(0, FIRST).map((one) => h("li", {}, nameOf(one)));
  return h("ul", { class: "first-sessions", "aria-label": "Sessions" }, names, more > 0 && h("li", { class: "soft" }, `And ${number(more)} more.`));
}

const ofSums = (warning) => (returned(warning) ? ` (${returned(warning)})` : "");

/** What to know before pressing; null where there is nothing. */
export function warningsOf(plan) {
  const sessions = new Map(plan.sessions.map((one) => [one.session_id, one]));
  const named = (one) => {
    const names = one.session_ids.slice(0, NAMED).map((id) => nameOf(sessions.get(id)));
    const more = one.count - names.length;
    return names.length > 0 && h("div", {}, names.join("; "), more > 0 && `; and ${number(more)} more`);
  };
  const warnings = plan.warnings.map((one) => h("li", {}, `${number(one.count)}: ${one.detail}${ofSums(one)}`, named(one)));
  return warnings.length ? h("ul", { class: "note warning", "aria-label": "Warnings" }, warnings) : null;
}
