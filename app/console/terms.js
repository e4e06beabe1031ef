// A business's terms: what they say, the form that sets them for a key that may, and every version that there was.

import { announce, fill, h, saysLost } from "./dom.js";
import { get, isPassing, patiently, put, Refused } from "./api.js";
import { settingsNav } from "./settings.js";
import { termsForm } from "./terms_form.js";
import { sentence } from "./terms_words.js";
import { say } from "./say/settings.js";
import { versionsPanel } from "./versions.js";

const maySet = (business) => business.key.scopes.includes("terms:write");

export async function show(main, { business, signal }) {
  document.title = `${say("settings.terms")} · ${business.name}`;
  const waiting = saysLost(main);
  const now = await patiently(() => get("/terms", { signal }), { signal, waiting });
  const said = ({ terms }) => sentence(terms);
  const versions = versionsPanel({ path: "/terms/history", title: say("settings.terms"), none: say("set_terms.nobody"), said, business, signal });
  await patiently(versions.read, { signal, waiting });
  const words = h("p", {}, sentence(now));
  const saved = (terms) => {
    words.textContent = sentence(terms);
    announce(say("set_terms.saved"));
    patiently(versions.read, { signal }).catch(console.error);
  };
  fill(
    main,
    h("h1", {}, say("settings.terms")),
    settingsNav(business),
    h("p", { class: "note" }, say("set_terms.about")),
    words,
    formPanel(now, { business, signal, saved }),
    versions.element,
  );
}

function formPanel(now, { business, signal, saved }) {
  const form = termsForm(now, business.currency);
  const error = h("p", { class: "error", role: "alert" });
  const done = h("p", { class: "flash", hidden: true }, say("set_terms.saved_now"));
  let isSaving = false;

  function refused(errors) {
    error.textContent = form.blame(errors).join(" ");
  }

  async function save(event) {
    event.preventDefault();
    if (isSaving) return;
    const { terms, errors } = form.read();
    done.hidden = true;
    refused(errors);
    if (errors.length) return;
    isSaving = true;
    try {
      saved(await put("/terms", terms, { signal }));
      done.hidden = false;
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      if (failed.problem?.errors?.length) refused(failed.problem.errors);
      else error.textContent = failed.message;
    } finally {
      isSaving = false;
    }
  }

  const mayNot = h("p", { class: "note" }, say("set_terms.scope", { scope: "terms:write" }));
  return h(
    "section",
    { class: "panel terms", "aria-labelledby": "terms-title" },
    h("h2", { id: "terms-title" }, say("set_terms.title")),
    maySet(business) ? null : mayNot,
    h(
      "form",
      { novalidate: true, onsubmit: save },
      h("fieldset", { disabled: !maySet(business), "aria-labelledby": "terms-title" }, form.elements, error, done, h("button", { class: "primary" }, say("set_terms.save"))),
    ),
  );
}
