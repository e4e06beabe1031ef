// What a client reads of each sum that is theirs: pure words. Only what a service has confirmed is said to be back.

import { counted, say } from "./language.js";
import { money } from "./words.js";

/** A line's sum with what is on top of it: money, or credits. */
export function sum({ amount, credits, bonus }) {
  if (amount && bonus) return money({ currency: amount.currency, amount_minor: amount.amount_minor + bonus.amount_minor });
  return amount ? money(amount) : counted("common.credits", credits);
}

const wayOf = ({ method, form }) => (form !== "goodwill" && method === "credit" ? "account" : form);
const joined = (...sentences) => sentences.filter(Boolean).join(" ");

/**
 * What is said of a line: its badge with a style, a sentence, and a note or null. `at` says an instant as the page does.
 */
export function lineWords(line, business, at) {
  const kept = [line.kept_amount && money(line.kept_amount), line.kept_credits && counted("common.credits", line.kept_credits)].filter(Boolean).join(" + ");
  const less = kept && say("yours.keeps", { business, kept });
  if (line.choose_until) {
    return { badge: say("yours.choice_badge"), style: "", sentence: joined(say("yours.choice", { sum: sum(line), at: at(line.choose_until) }), less), note: null };
  }
  return STATES[line.state](line, { business, at, less, kept });
}

const STATES = {
  returned: (line, { at, less }) => ({
    badge: say("yours.returned_badge"),
    style: "good",
    sentence: joined(say(`yours.returned_${wayOf(line)}`, { sum: sum(line) }), line.at && say("yours.date", { at: at(line.at) }), less),
    note: line.method === "payment" && line.form === "original" ? say("yours.bank") : line.expires_after && say("yours.use_by", { at: at(line.expires_after) }),
  }),
  under_way: (line, { less }) => ({
    badge: say("yours.under_way_badge"),
    style: "",
    sentence: joined(say(`yours.under_way_${wayOf(line)}`, { sum: sum(line) }), less),
    note: say("yours.not_confirmed"),
  }),
  with_a_person: (line, { business, less }) => ({
    badge: say("yours.with_a_person_badge"),
    style: "",
    sentence: joined(say("yours.with_a_person", { sum: sum(line) }), less),
    note: say("yours.looked_after", { business }),
  }),
  elsewhere: (line, { less }) => ({ badge: say("yours.returned_badge"), style: "good", sentence: joined(say("yours.elsewhere", { sum: sum(line) }), less), note: null }),
  kept: (line, { business, kept }) => ({ badge: say("yours.kept_badge"), style: "", sentence: say("yours.kept", { sum: kept || sum(line), business }), note: say("yours.ask") }),
};

/** The headline: how all of it stands. */
export const headline = (page) => say(`yours.${headlineOf(page)}`);

function headlineOf({ sessions, is_prepared: isPrepared }) {
  const lines = sessions.flatMap((one) => one.lines);
  const has = (state) => lines.some((line) => line.state === state);
  if (!isPrepared) return "preparing";
  if (lines.some((line) => line.choose_until)) return "to_choose";
  if (has("under_way")) return "on_its_way";
  if (has("with_a_person")) return "not_by_itself";
  if (has("returned") || has("elsewhere")) return has("kept") ? "all_due_back" : "all_back";
  return lines.length ? "nothing_back" : "nothing_paid";
}
