// Dialogs of the settings: a secret that is shown this once, and what is asked before something that can't be undone.

import { closed, h } from "./dom.js";
import { say } from "./say/settings.js";

/** Shows a secret, this once, until the person closes it. */
export async function shownOnce(secret, name, signal, what = "key") {
  if (secret === null) {
    await closed(h("dialog", { "aria-label": say("secret.made_before") }, h("p", {}, say(`secret.lost_${what}`)), h("form", { method: "dialog" }, h("button", {}, say("frame.close")))), signal);
    return;
  }
  const field = h("input", { id: "secret", readonly: true, value: secret, spellcheck: "false" });
  const copied = h("span", { role: "status" });
  const copy = h("button", { type: "button" }, say("secret.copy"));
  copy.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(secret);
      copied.textContent = say("secret.copied");
    } catch {
      copied.textContent = say("secret.by_hand"); // plain http, or not allowed
    }
  });
  const dialog = h(
    "dialog",
    { class: "wide", "aria-labelledby": "secret-title" },
    h("h2", { id: "secret-title" }, say(`secret.${what}_of`, { name })),
    h("p", {}, say("secret.about")),
    h("div", { class: "field" }, h("label", { for: "secret" }, say(`secret.${what}`)), field),
    h("form", { method: "dialog" }, h("div", { class: "toolbar" }, copied, copy, h("button", { class: "primary" }, say("secret.have_it")))),
  );
  await closed(dialog, signal);
}

/** Asks before something that can't be undone, with a choice of `ways` where there are; null: no. */
export async function asked(title, words, yes, signal, ways = null) {
  const select = ways && h("select", { id: "way" }, Object.entries(ways).map(([value, name]) => h("option", { value }, name)));
  if (select) select.value = Object.keys(ways).at(-1);
  const dialog = h(
    "dialog",
    { "aria-labelledby": "asked-title" },
    h("h2", { id: "asked-title" }, title),
    h("p", {}, words),
    h(
      "form",
      { method: "dialog" },
      select && h("div", { class: "field" }, h("label", { for: "way" }, say("secret.old_one")), select),
      h("div", { class: "toolbar" }, h("button", { value: "" }, say("secret.leave")), h("button", { class: "danger", value: "yes" }, yes)),
    ),
  );
  return (await closed(dialog, signal)) === "yes" ? (select?.value ?? "") : null;
}
