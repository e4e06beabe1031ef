// The settings: what there is to set, and on each of their pages the way to the others. Each key sees what it may.

import { fill, h } from "./dom.js";

const has = (scope) => (business) => business.key.scopes.includes(scope);

/** The pages: what each is about, who sees it, and who may change what is there. */
export const SETTINGS = [
  { href: "/terms", name: "Terms", about: "What clients get back when sessions are cancelled, and what is kept.", sees: () => true, sets: has("terms:write") },
  { href: "/settings/messages", name: "Messages", about: "Who is told, when, in whose name and in which words.", sees: () => true, sets: has("business:manage") },
  { href: "/settings/page", name: "Your page", about: "What clients see of you: your colour and logo, and the sites that show your schedule.", sees: () => true, sets: has("business:manage") },
  { href: "/settings/keys", name: "Keys", about: "Who and what may call, what each may do, and until when.", sees: has("business:manage"), sets: has("business:manage") },
  { href: "/settings/webhooks", name: "Webhooks", about: "Where your own systems are told of what happens, and whether they heard.", sees: has("webhooks:manage"), sets: has("webhooks:manage") },
];

/** Links to the settings that this key sees, the one that is shown marked. */
export function settingsNav(business) {
  const link = ({ href, name }) => {
    const isHere = location.pathname === href;
    return h("a", { class: isHere ? "button chip on" : "button chip", href, "aria-current": isHere ? "page" : null }, name);
  };
  return h("nav", { class: "chips wraps", "aria-label": "Settings" }, SETTINGS.filter(({ sees }) => sees(business)).map(link));
}

export async function show(main, { business }) {
  document.title = `Settings · ${business.name}`;
  const card = ({ href, name, about, sets }) =>
    h("li", { class: "card" }, h("p", { class: "name" }, h("a", { href }, name)), h("p", {}, about), !sets(business) && h("p", { class: "soft" }, "Your key may read these."));
  fill(
    main,
    h("h1", {}, "Settings"),
    h("ul", { class: "bookings" }, SETTINGS.filter(({ sees }) => sees(business)).map(card)),
  );
}

/** What a page of settings shows to a key that does not see it, and else null. */
export function barred(business, href, scope) {
  const { sees, name } = SETTINGS.find((one) => one.href === href);
  return sees(business) ? null : [h("h1", {}, name), settingsNav(business), h("p", { class: "note warning" }, `Your key does not see these settings: they need the scope ${scope}.`)];
}
