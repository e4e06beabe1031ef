// What a plan says: people and money in a sentence, then session by session, what is kept and why, and its warnings.

import { fill, h, terms } from "./dom.js";
import { keptFacts } from "./kept_facts.js";
import { keptByRule } from "./terms_words.js";
import { joined, within } from "./language.js";
import { kept, returned } from "./said.js";
import { counted, parts, say } from "./say/plan.js";
import { money, number, when } from "./words.js";

const NAMED = 3; // sessions of a warning
const FIRST = 5; // sessions that are named before the press
const MOST_SHOWN = 300; // sessions of the list

/** People and money, in parts of which the sums are strong. */
function peopleAndMoney(totals) {
  const strong = (words) => h("strong", {}, words);
  const whom = { sessions: counted("count.sessions", totals.sessions), people: counted("count.people", totals.clients) };
  const does = parts("plan.does", { ...whom, back: strong(returned(totals) ?? say("frame.nothing")) });
  return kept(totals) ? [...does, " ", ...parts("plan.keeps", { kept: strong(kept(totals)) })] : does;
}

/** A plan's people and money in a sentence. */
export const sentenceOf = ({ totals }) => h("p", { class: "lead" }, peopleAndMoney(totals));

/** The same for who hears the page. */
export const inWords = (plan) => sentenceOf(plan).textContent;

const toReturn = ({ totals }) => [say("plan.to_return"), returned(totals) ?? say("plan.nothing_back")];

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
    [say("plan.sessions"), number(totals.sessions)],
    [say("plan.people"), number(totals.clients)],
    [say("plan.bookings"), number(totals.bookings)],
    ...(list ? [] : [toReturn(plan)]),
    [say("plan.refunds"), number(totals.refunds)],
    [say("plan.nothing_to_return"), number(totals.nothing_to_return)],
  ];
  return [
    list,
    bySession(plan, h("dl", { class: "facts" }, terms(counts))),
  ];
}

function bySession({ sessions }, counts) {
  const accepted = sessions.filter((one) => one.outcome === "accepted");
  const list = h("ul", { class: "by-session" });
  const element = h("details", {}, h("summary", {}, say("plan.by_session")), counts, list);
  element.addEventListener("toggle", () => {
    if (!element.open || list.childElementCount) return;
    const more = accepted.length - MOST_SHOWN;
    fill(list, accepted.slice(0, MOST_SHOWN).map(line), more > 0 && h("li", { class: "soft" }, say("frame.and_more", { n: number(more) })));
  });
  return element;
}

/** One session: what goes back, in which form, and what is kept by which rule. */
function line(session) {
  const value = session.store_credits.map(money).join(" + ");
  const sum = returned(session) ?? say("frame.nothing");
  const words = [
    counted("count.bookings", session.bookings),
    value ? say("plan.back_credit", { sum, value }) : say("plan.back", { sum }),
    session.goodwill.credits > 0 && say("plan.on_top", { credits: counted("common.credits", session.goodwill.credits) }),
    ...keptByRule(session.kept).map(([rule, keeps]) => say("plan.kept_by", { sum: keeps, rule: within(rule) })),
  ];
  return h("li", {}, h("strong", {}, h("bdi", {}, session.name)), " ", h("bdi", {}, when(session)), h("div", { class: "soft" }, joined(words, " · ")));
}

const nameOf = (session) => joined([session.name, when(session)], say("frame.comma"));

/** The first of a plan's sessions that are cancelled, by name and hour. */
export function firstSessions({ sessions }) {
  const accepted = sessions.filter((one) => one.outcome === "accepted");
  const more = accepted.length - FIRST;
  const names = accepted.slice(0, FIRST).map((one) => h("li", {}, nameOf(one)));
  return h("ul", { class: "first-sessions", "aria-label": say("plan.sessions") }, names, more > 0 && h("li", { class: "soft" }, say("frame.and_more", { n: number(more) })));
}

const ofSums = (warning) => (returned(warning) ? ` (${returned(warning)})` : "");

const WARNINGS = new Set(["sessions-ended", "sessions-started", "attended-skipped", "payment-shared", "already-in-process", "already-cancelled", "nothing-to-accept"]);

/** A warning of the service in the page's language; one that is not known here, in the service's words. */
const warningWords = ({ code, detail }) => (WARNINGS.has(code) ? say(`warning.${code.replaceAll("-", "_")}`) : detail);

/** What to know before pressing; null where there is nothing. */
export function warningsOf(plan) {
  const sessions = new Map(plan.sessions.map((one) => [one.session_id, one]));
  const named = (one) => {
    const names = one.session_ids.slice(0, NAMED).map((id) => nameOf(sessions.get(id)));
    const more = one.count - names.length;
    return names.length > 0 && h("div", {}, joined([...names, more > 0 && say("plan.and_more", { n: number(more) })], say("frame.semicolon")));
  };
  const warnings = plan.warnings.map((one) => h("li", {}, say("plan.warning", { n: number(one.count), what: `${warningWords(one)}${ofSums(one)}` }), named(one)));
  return warnings.length ? h("ul", { class: "note warning", "aria-label": say("plan.warnings") }, warnings) : null;
}
