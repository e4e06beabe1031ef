// What the payment service says of a plan, in plain words.

import { counted, say } from "./say/plan.js";
import { money, number } from "./words.js";

/** Why a line may not come back, one after the other in the order in which a person looks after them. */
export const RISKS = ["disputed", "not_found", "not_captured", "window_over", "part_refunded", "unknown"];
const NOT_ASKED = ["unsupported", "account_unreadable"]; // any
const NOT_ASKED_SOME = ["over_limit", "out_of_time"]; // so many

const amount = (currency, minor) => money({ currency, amount_minor: minor });

function why({ code, currency, remaining_minor: remaining, needed_minor: minor }) {
  const nothing = code === "part_refunded" && !remaining;
  const sums = code === "part_refunded" ? { left: amount(currency, remaining), needed: amount(currency, minor) } : {};
  return say(`risk.${nothing ? "nothing_left" : code}`, sums);
}

/** How far it is. */
export function progressWords({ asked, of, at_risk: atRisk, unknown }) {
  const found = [atRisk && say("check.at_risk", { n: number(atRisk) }), unknown && say("check.unknown", { n: number(unknown) })].filter(Boolean).join(say("frame.comma"));
  return counted(found ? "check.found" : "check.asked", of, { asked: number(asked), found });
}

/** Whose line it is and how much, and why it may not come back. */
export function riskWords(risk) {
  const who = risk.client_name ?? say("check.booking", { id: risk.booking_id });
  return [say("check.who", { who, session: risk.session_name, sum: amount(risk.currency, risk.amount_minor) }), why(risk)];
}

/** The risks in the order of `RISK`, and within it as they are booked. */
export function inOrder(risks) {
  const place = (one) => RISKS.indexOf(one.code);
  const name = (one) => [one.session_name, one.session_id, one.client_name ?? "", one.booking_id].join("\n");
  return risks.toSorted((a, b) => place(a) - place(b) || name(a).localeCompare(name(b)) || a.line_no - b.line_no);
}

/** All of it in a sentence. */
export function summary({ progress, balances }) {
  const { asked, at_risk: atRisk, unknown } = progress;
  const short = balances.some(isShort);
  const parts = [
    atRisk && counted("check.at_risk_lines", atRisk),
    unknown && counted("check.unknown_lines", unknown),
    short && say("check.short"),
  ].filter(Boolean);
  if (parts.length) return say("check.full_stop", { all: parts.join(say("frame.semicolon")).replace(/^./, (first) => first.toUpperCase()) });
  return asked ? counted("check.well", asked) : say("check.nothing");
}

const isShort = (one) => one.available_minor !== null && one.available_minor < one.needed_minor;

/** What there is to return from, for each currency in which something comes back; and what was not asked about. */
export function remarks({ balances, not_asked: notAsked }) {
  const said = balances
    .filter((one) => one.available_minor !== null)
    .map((one) => {
      const [has, needs] = [one.available_minor, one.needed_minor].map((minor) => amount(one.currency, minor));
      return { words: say("check.balance", { has, needs }), isWarning: isShort(one) };
    });
  const others = notAsked.map(notAskedWords).filter(Boolean);
  return [...said, ...others.map((words) => ({ words, isWarning: true }))];
}

function notAskedWords({ reason, count }) {
  if (NOT_ASKED.includes(reason)) return say(`check.${reason}`);
  return NOT_ASKED_SOME.includes(reason) ? counted(`check.${reason}`, count) : null;
}
