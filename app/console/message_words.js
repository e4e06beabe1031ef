// How it is said who was told, who was not, and why: pure words.

import { number, plural } from "./words.js";

/** Between two addresses. */
export const ADDRESSES = /[\s,;]+/;

/** A message's states: the word, and the style of its badge. */
export const MESSAGE = {
  sent: { name: "Told", badge: "good" },
  pending: { name: "On its way", badge: "" },
  bounced: { name: "Came back", badge: "bad" },
  failed: { name: "Not delivered", badge: "bad" },
  suppressed: { name: "Not sent", badge: "bad" },
};

const WHY = {
  no_address: "No e-mail address is known.",
  opted_out: "They want no messages.",
  unreachable: "This address has refused or returned a message before.",
  complained: "They have marked a message as spam.",
  deleted: "They have been deleted from the schedule.",
  unsendable_address: "No mail can be sent to this address.",
  given_up: "Tried for a long time; the mail server never took it.",
  refused: "The mail server refused it.",
};

/** The languages that messages are written in, and none said. */
export const LANGUAGES = [
  ["", "Each client's own"],
  ["en", "English"],
  ["fr", "Français"],
  ["de", "Deutsch"],
  ["es", "Español"],
  ["pt", "Português"],
  ["ja", "日本語"],
  ["ar", "العربية"],
];

const NOT_REACHED = {
  no_address: "without an address",
  opted_out: "who want no messages",
  unreachable: "whose address takes nothing",
  complained: "who called a message spam",
  deleted: "gone from the schedule",
};

/** Whom a plan would have told, and whom it could not, in a sentence. */
export function reachInWords({ email, ...others }) {
  const not = Object.entries(NOT_REACHED).filter(([why]) => others[why]);
  if (!email && !not.length) return "No client would be told.";
  return `${[`${plural(email, "client")} by e-mail`, ...not.map(([why, words]) => `${number(others[why])} ${words}`)].join(" · ")}.`;
}

/** Why a message was not sent, or came back; null where it is not so. */
export function whyNotTold({ status, because }) {
  if (because === null) return null;
  const code = /^refused_(\d+)$/.exec(because)?.[1];
  if (code) return `The mail server refused it (${code}).`;
  if (WHY[because]) return WHY[because];
  return status === "bounced" ? `It was returned (${because}).` : `Not sent: ${because}.`;
}

/** Who will be told of a cancellation, of what a request says. */
export function toldInWords(said) {
  if (!said) return "";
  const { clients, when, staff } = said;
  const at = when === "accepted" ? "at once, and again when all of theirs is settled" : "once all of theirs is settled";
  const parts = [clients === "email" ? `Clients are told by e-mail, ${at}.` : "Clients get no message."];
  if (staff.length) parts.push(`A summary goes to ${plural(staff.length, "address", "addresses")} of your staff.`);
  return parts.join(" ");
}

/** How many were told and how many were not, in a sentence. */
export function countsInWords(counts) {
  const not = counts.bounced + counts.failed + counts.suppressed;
  const total = counts.sent + counts.pending + not;
  if (!total) return "Nobody is to be told yet.";
  const parts = [`${number(counts.sent)} told`];
  if (counts.pending) parts.push(`${number(counts.pending)} on the way`);
  if (not) parts.push(`${number(not)} not reached`);
  return `${parts.join(" · ")}.`;
}
