// A business's terms: what they say, the form that sets them for a key that may, and every version that there was.

import { announce, fill, h, table } from "./dom.js";
import { get, isPassing, patiently, put, Refused, withQuery } from "./api.js";
import { settingsNav } from "./settings.js";
import { termsForm } from "./terms_form.js";
import { sentence } from "./terms_words.js";
import { say } from "./say/settings.js";
import { moment } from "./words.js";

const PAGE = 50;

const maySet = (business) => business.key.scopes.includes("terms:write");

export async function show(main, { business, signal }) {
  document.title = `${say("settings.terms")} · ${business.name}`;
  const lost = h("p", { class: "note warning", role: "status" }, say("common.lost"));
  const waiting = () => lost.isConnected || fill(main, lost);
  const now = await patiently(() => get("/terms", { signal }), { signal, waiting });
  const versions = history(business, signal);
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

/** Every version with who set it and when, the newest first, a page at a time. */
function history(business, signal) {
  const body = h("tbody");
  const more = h("button", { hidden: true }, say("set_terms.more"));
  const none = h("p", { class: "note" }, say("set_terms.nobody"));
  const element = h(
    "section",
    { class: "panel", "aria-labelledby": "history-title" },
    h("h2", { id: "history-title" }, say("set_terms.history")),
    table([say("set_terms.who"), say("settings.terms")], body, "history-title"),
    none,
    more,
  );
  let next = null;

  async function page(cursor) {
    const { data, next_cursor: following } = await get(withQuery("/terms/history", { limit: PAGE, cursor }), { signal });
    next = following;
    more.hidden = next === null;
    return data.map((one) => rowOf(one, business));
  }

  async function read() {
    const rows = await page(null);
    none.hidden = rows.length > 0;
    fill(body, rows);
  }

  more.addEventListener("click", () => {
    patiently(async () => body.append(...(await page(next))), { signal }).catch(console.error);
  });
  return { element, read };
}

function rowOf({ set_at: at, set_by: who, terms }, business) {
  return h(
    "tr",
    {},
    h("td", {}, moment(at, business.timezone), h("br"), who.replace(/^key:/, "")),
    h("td", {}, sentence(terms)),
  );
}
