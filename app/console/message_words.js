// How it is said who was told, who was not, and why: pure words.

import { counted, say } from "./say/messages.js";
import { number } from "./words.js";

/** Between two addresses. */
export const ADDRESSES = /[\s,;]+/;

const WHY = ["no_address", "opted_out", "unreachable", "complained", "deleted", "unsendable_address", "given_up", "refused"];

/** The languages that messages are written in, each in its own words. */
export const LANGUAGES = [
  ["en", "English"],
  ["fr", "Français"],
  ["de", "Deutsch"],
  ["es", "Español"],
  ["pt", "Português"],
  ["ja", "日本語"],
  ["ar", "العربية"],
];

const NOT_REACHED = ["no_address", "opted_out", "unreachable", "complained", "deleted"];

/** Whom a plan would have told, and whom it could not, in a sentence. */
export function reachInWords({ email, ...others }) {
  const not = NOT_REACHED.filter((why) => others[why]);
  if (!email && !not.length) return say("telling.nobody");
  const all = [counted("telling.by_email", email), ...not.map((why) => say(`telling.${why}_count`, { n: number(others[why]) }))];
  return say("telling.full_stop", { all: all.join(" · ") });
}

/** Why a message was not sent, or came back; null where it is not so. */
export function whyNotTold({ status, because }) {
  if (because === null) return null;
  const code = /^refused_(\d+)$/.exec(because)?.[1];
  if (code) return say("untold.refused_code", { code });
  if (WHY.includes(because)) return say(`untold.${because}`);
  return say(status === "bounced" ? "untold.returned" : "untold.not_sent", { because });
}

/** Who will be told of a cancellation, of what a request says. */
export function toldInWords(said) {
  if (!said) return "";
  const { clients, when, staff } = said;
  const sentences = [say(clients === "email" ? `telling.told_${when}` : "telling.told_nobody")];
  if (staff.length) sentences.push(counted("telling.told_staff", staff.length));
  return sentences.join(" ");
}
