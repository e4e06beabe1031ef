// Dialogs of the settings: a secret that is shown this once, and what is asked before something that can't be undone.

import { closed, h } from "./dom.js";

/** Shows a secret, this once, until the person closes it. */
export async function shownOnce(secret, name, signal, what = "key") {
  if (secret === null) {
    await closed(h("dialog", { "aria-label": "Made before" }, h("p", {}, `This ${what} was made before, and its answer lost. Rotate it to have a new secret.`), h("form", { method: "dialog" }, h("button", {}, "Close"))), signal);
    return;
  }
  const field = h("input", { id: "secret", readonly: true, value: secret, spellcheck: "false" });
  const copied = h("span", { role: "status" });
  const copy = h("button", { type: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(secret);
      copied.textContent = "Copied.";
    } catch {
      copied.textContent = "Copy it by hand: it is selected."; // plain http, or not allowed
    }
  });
  const dialog = h(
    "dialog",
    { class: "wide", "aria-labelledby": "secret-title" },
    h("h2", { id: "secret-title" }, `The ${what} of ${name}`),
    h("p", {}, "It is shown this once, and kept nowhere in clear: copy it now."),
    h("div", { class: "field" }, h("label", { for: "secret" }, what === "key" ? "Key" : "Secret"), field),
    h("form", { method: "dialog" }, h("div", { class: "toolbar" }, copied, copy, h("button", { class: "primary" }, "I have it"))),
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
      select && h("div", { class: "field" }, h("label", { for: "way" }, "And the old one"), select),
      h("div", { class: "toolbar" }, h("button", { value: "" }, "Leave it"), h("button", { class: "danger", value: "yes" }, yes)),
    ),
  );
  return (await closed(dialog, signal)) === "yes" ? (select?.value ?? "") : null;
}
