// What comes back in another form, what is kept and why, and by which terms, as facts for a list.

import { h } from "./dom.js";
import { kept } from "./said.js";
import { counted, say } from "./say/terms.js";
import { keptByRule, sentence } from "./terms_words.js";
import { money } from "./words.js";

/** What comes back as value, what is kept and why, and by which terms: pairs for a list of facts, of those that there are. */
export function keptFacts({ totals, terms }) {
  const lines = keptByRule(totals.kept).map(([rule, sum]) => h("li", {}, say("facts.kept_line", { rule, sum })));
  const sums = [kept(totals), lines.length > 0 && h("ul", { class: "soft" }, lines)];
  const value = totals.store_credits.map(money).join(" + ");
  const onTop = goodwillWords(totals.goodwill, terms);
  return [
    ...(value ? [[say("facts.store_credit"), value]] : []),
    ...(onTop ? [[say("facts.goodwill"), onTop]] : []),
    ...(kept(totals) ? [[say("facts.kept"), sums]] : []),
    ...(terms ? [[say("facts.terms"), sentence(terms)]] : []),
  ];
}

/** Credits on top, and for how many clients or bookings; null where none are given. */
function goodwillWords({ grants, credits }, terms) {
  const whom = terms?.goodwill?.per === "booking" ? "count.bookings" : "count.clients";
  return grants > 0 ? say("facts.goodwill_for", { credits: counted("common.credits", credits), whom: counted(whom, grants) }) : null;
}
