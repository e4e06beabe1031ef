// How many clients have chosen in which form they get their money back, and what becomes of the others: pure words.

import { now } from "./clock.js";
import { counted, say } from "./say/job.js";
import { number } from "./words.js";

/** In a sentence or two; `until` as the page says it. */
export function choiceWords({ choices, terms, status }, until, at = now()) {
  const { original, store_credit: credit } = choices.chosen;
  const done = original + credit;
  if (!choices.asked) return say(status === "held" ? "choices.after_hold" : "choices.nobody");
  const forms = [original && say("choices.original", { n: number(original) }), credit && say("choices.store_credit", { n: number(credit) })].filter(Boolean).join(say("frame.comma"));
  const of = counted(done === 1 ? "choices.one_chosen" : "choices.chosen", choices.asked, { chosen: number(done) });
  const chosen = forms ? say("choices.forms", { chosen: of, forms }) : of;
  if (choices.asked === done) return say("choices.all", { chosen });
  return say(`choices.${new Date(choices.until) > at ? "until" : "over"}_${terms.choice.default}`, { chosen, until });
}
