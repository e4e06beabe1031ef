// What the forms of settings are made of: fields with their notes, and a panel that is saved.

import { announce, h } from "./dom.js";
import { isPassing, Refused } from "./api.js";

export const field = (words, input, note = null) => {
  const id = `${input.id}-note`;
  if (note) input.setAttribute("aria-describedby", id);
  return h("div", { class: "field" }, h("label", { for: input.id }, words), input, note && h("p", { class: "note", id }, note));
};
export const select = (id, options, value) => {
  const made = h("select", { id }, options.map(([one, words]) => h("option", { value: one }, words)));
  made.value = value ?? "";
  return made;
};
export const input = (id, value, more = {}) => h("input", { id, autocomplete: "off", value: value ?? "", ...more });

/** What a form says can't be sent: `errors` are as a problem has them. */
export class Unfit extends Error {
  constructor(errors) {
    super(errors[0].detail);
    this.problem = { errors };
  }
}

/**
 * A panel with a form that is saved: what is refused is said of the field at fault, and what is done is seen and heard.
 * `inputs` are by the members that they set; `at` gives the one that a pointer names where that is not enough. A `save` that
 * gives false was not done.
 */
export function saving({ title, id, disabled, fields, button, done, signal, save, inputs = {}, at = (pointer) => inputs[pointer?.split("/")[1]], more = null }) {
  const error = h("p", { class: "error", role: "alert" });
  const said = h("p", { class: "flash", hidden: true });
  const yes = h("button", { class: "primary" }, button);
  async function submit(event) {
    event.preventDefault();
    error.textContent = "";
    said.hidden = true;
    yes.disabled = true;
    for (const one of form.querySelectorAll("[aria-invalid]")) one.removeAttribute("aria-invalid");
    try {
      if ((await save()) === false) return;
      said.textContent = done;
      said.hidden = false;
      announce(done);
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || failed instanceof Unfit || isPassing(failed))) throw failed;
      blame(failed);
    } finally {
      yes.disabled = false;
    }
  }
  function blame(failed) {
    const errors = failed.problem?.errors ?? [];
    error.textContent = errors.map(({ detail }) => detail).join(" ") || failed.message;
    const wrong = errors.map(({ pointer }) => at(pointer)).filter(Boolean);
    for (const one of wrong) one.setAttribute("aria-invalid", "true");
    wrong[0]?.focus();
  }
  const form = h("form", { class: "terms setting", onsubmit: submit }, h("fieldset", { disabled, "aria-labelledby": id }, fields, error, said, h("div", { class: "toolbar" }, yes, more)));
  return { element: h("section", { class: "panel", "aria-labelledby": id }, h("h2", { id }, title), form), said };
}
