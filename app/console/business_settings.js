// What the service knows of the business, and what the key that looks may do.

import { fill, h, terms } from "./dom.js";
import { mayWords } from "./access_words.js";
import { now } from "./clock.js";
import { joined } from "./language.js";
import { LANGUAGES } from "./message_words.js";
import { settingsNav } from "./settings.js";
import { sheet } from "./sheets.js";
import { parts, say } from "./say/settings.js";
import { moment } from "./words.js";

export async function show(main, { business }) {
  document.title = `${say("settings.business")} · ${business.name}`;
  await sheet("settings.css");
  fill(
    main,
    h("h1", {}, say("settings.business")),
    settingsNav(business),
    h("p", { class: "note" }, parts("set_business.about", { messages: h("a", { href: "/settings/messages" }, say("settings.messages")) })),
    panel("business-title", say("settings.business"), factsOf(business)),
    panel("key-title", say("set_business.key"), keyFacts(business.key)),
  );
}

const panel = (id, title, facts) => h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, title), h("dl", { class: "facts" }, terms(facts)));

function factsOf(business) {
  const { timezone, tzdata } = business;
  const zone = business.timezone_known ? say("set_business.zone_now", { zone: timezone, now: moment(new Date(now()).toISOString(), timezone) }) : say("set_business.zone_unknown", { zone: timezone });
  return [
    [say("set_business.name"), business.name],
    [say("set_business.id"), business.id],
    [say("set_business.zone"), zone, business.timezone_known ? null : "error"],
    [say("set_business.rules"), tzdata.release],
    [say("set_business.currency"), business.currency],
    [say("own_words.language"), LANGUAGES.find(([code]) => code === business.language)?.[1] ?? business.language],
    [say("set_messages.clock"), say(`set_messages.${business.hour_cycle ?? "as_language"}`)],
    ...(business.test_mode ? [[say("set_business.test"), say("set_business.test_about")]] : []),
  ];
}

const keyFacts = ({ name, scopes, locations }) => [
  [say("set_business.name"), name],
  [say("set_keys.may"), mayWords({ role: null, scopes })],
  ...(locations ? [[say("set_keys.locations"), joined(locations, say("frame.comma"))]] : []),
];
