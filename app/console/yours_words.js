// What a client reads of each sum that is theirs: pure words. Only what a service has confirmed is said to be back.

import { money, plural } from "./words.js";

const WAY = { original: "the way you paid", void: "the way you paid: it was never charged", store_credit: "as store credit", goodwill: "on top, as a gift" };

/** A line's sum with what is on top of it: money, or credits. */
export function sum({ amount, credits, bonus }) {
  if (amount && bonus) return money({ currency: amount.currency, amount_minor: amount.amount_minor + bonus.amount_minor });
  return amount ? money(amount) : plural(credits, "credit");
}

const of = ({ method, form }) => (form !== "goodwill" && method === "credit" ? "to your account" : WAY[form]);
const back = (line) => (line.form === "goodwill" ? "came to you" : "came back");

/**
 * What is said of a line: its badge with a style, a sentence, and a note or null. `at` says an instant as the page does.
 */
export function lineWords(line, business, at) {
  const kept = [line.kept_amount && money(line.kept_amount), line.kept_credits && plural(line.kept_credits, "credit")].filter(Boolean).join(" + ");
  const less = kept ? ` ${business} keeps ${kept} of what you paid.` : "";
  if (line.choose_until) {
    return { badge: "Your choice", style: "", sentence: `${sum(line)}: choose how it comes back, until ${at(line.choose_until)}.${less}`, note: null };
  }
  return STATES[line.state](line, { business, at, less, kept });
}

const STATES = {
  returned: (line, { at, less }) => ({
    badge: "Returned",
    style: "good",
    sentence: `${sum(line)} ${back(line)} ${of(line)}${line.at ? `: ${at(line.at)}` : ""}.${less}`,
    note: line.method === "payment" && line.form === "original" ? "Your bank may take some days to show it." : line.expires_after && `To be used until ${at(line.expires_after)}.`,
  }),
  under_way: (line, { less }) => ({ badge: "On its way", style: "", sentence: `${sum(line)} is to come ${of(line)}.${less}`, note: "You need not do anything. It is not confirmed yet." }),
  with_a_person: (line, { business, less }) => ({
    badge: "We look after it",
    style: "",
    sentence: `${sum(line)} could not be returned by itself.${less}`,
    note: `${business} looks after it. Ask there if you do not hear from them.`,
  }),
  elsewhere: (line, { less }) => ({ badge: "Returned", style: "good", sentence: `${sum(line)} came back to you in another way.${less}`, note: null }),
  kept: (line, { business, kept }) => ({ badge: "Not returned", style: "", sentence: `${kept || sum(line)} does not come back by the terms of ${business}.`, note: "Ask there if you think that it should." }),
};

/** The headline: how all of it stands. */
export function headline({ sessions, is_prepared: isPrepared }) {
  const lines = sessions.flatMap((one) => one.lines);
  const has = (state) => lines.some((line) => line.state === state);
  if (!isPrepared) return "What comes back to you is being prepared";
  if (lines.some((line) => line.choose_until)) return "You can choose how your money comes back";
  if (has("under_way")) return "It is on its way back to you";
  if (has("with_a_person")) return "Some of it could not be returned by itself";
  if (has("returned") || has("elsewhere")) return has("kept") ? "What comes back to you is back" : "Everything is back";
  return lines.length ? "Nothing comes back of this" : "There was nothing to return";
}
