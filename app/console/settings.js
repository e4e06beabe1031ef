// The settings: what there is to set, and on each of their pages the way to the others. Each key sees what it may.

import { fill, h } from "./dom.js";
import { here } from "./root.js";
import { say } from "./say/settings.js";

const MANAGE = "business:manage";
const has = (scope) => (business) => business.key.scopes.includes(scope);
/** Whether a key may set what is the business's. */
export const manages = has(MANAGE);

/** The pages: by which words each is called, who sees it, and who may change what is there. */
export const SETTINGS = [
  { href: "/settings/business", name: "business", sees: () => true, sets: () => true },
  { href: "/terms", name: "terms", sees: () => true, sets: has("terms:write") },
  { href: "/settings/messages", name: "messages", sees: () => true, sets: manages },
  { href: "/settings/page", name: "page", sees: () => true, sets: manages },
  { href: "/settings/limits", name: "limits", sees: () => true, sets: manages },
  { href: "/settings/privacy", name: "privacy", sees: manages, sets: manages },
  { href: "/settings/keys", name: "keys", sees: manages, sets: manages },
  { href: "/settings/webhooks", name: "webhooks", sees: has("webhooks:manage"), sets: has("webhooks:manage") },
];

/** Links to the settings that this key sees, the one that is shown marked. */
export function settingsNav(business) {
  const link = ({ href, name }) => {
    const isHere = here() === href;
    return h("a", { class: isHere ? "button chip on" : "button chip", href, "aria-current": isHere ? "page" : null }, say(`settings.${name}`));
  };
  return h("nav", { class: "chips wraps", "aria-label": say("frame.settings") }, SETTINGS.filter(({ sees }) => sees(business)).map(link));
}

export async function show(main, { business }) {
  document.title = `${say("frame.settings")} · ${business.name}`;
  const card = ({ href, name, sets }) =>
    h("li", { class: "card" }, h("p", { class: "name" }, h("a", { href }, say(`settings.${name}`))), h("p", {}, say(`settings.${name}_about`)), !sets(business) && h("p", { class: "soft" }, say("settings.read_only")));
  fill(
    main,
    h("h1", {}, say("frame.settings")),
    h("ul", { class: "bookings" }, SETTINGS.filter(({ sees }) => sees(business)).map(card)),
  );
}

/** What a page that only who manages the business sets says to a key that may but read it, and else null. */
export const readOnly = (business) => (manages(business) ? null : h("p", { class: "note" }, say("settings.scope", { scope: MANAGE })));

/** What a page of settings shows to a key that does not see it, and else null. */
export function barred(business, href, scope) {
  const { sees, name } = SETTINGS.find((one) => one.href === href);
  return sees(business) ? null : [h("h1", {}, say(`settings.${name}`)), settingsNav(business), h("p", { class: "note warning" }, say("settings.barred", { scope }))];
}
