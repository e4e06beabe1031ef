// A business's terms: what they say, the form that sets them for a key that may, and every version that there was.

import { announce, fill, h, table } from "./dom.js";
import { get, isPassing, patiently, put, Refused, withQuery } from "./api.js";
import { settingsNav } from "./settings.js";
import { termsForm } from "./terms_form.js";
import { sentence } from "./terms_words.js";
import { moment } from "./words.js";

const PAGE = 50;

const maySet = (business) => business.key.scopes.includes("terms:write");

export async function show(main, { business, signal }) {
  document.title = `Terms · ${business.name}`;
  const lost = h("p", { class: "note warning", role: "status" }, "The service can't be reached. Trying again…");
  const waiting = () => lost.isConnected || fill(main, lost);
  const now = await patiently(() => get("/terms", { signal }), { signal, waiting });
  const versions = history(business, signal);
  await patiently(versions.read, { signal, waiting });
  const words = h("p", {}, sentence(now));
  const saved = (terms) => {
    words.textContent = sentence(terms);
    announce("The terms are saved.");
    patiently(versions.read, { signal }).catch(console.error);
  };
  fill(
    main,
    h("h1", {}, "Terms"),
    settingsNav(business),
    h("p", { class: "note" }, "What clients get back when sessions are cancelled, and what is kept. Cancellations that were made keep the terms they were made under."),
    words,
    formPanel(now, { business, signal, saved }),
    versions.element,
  );
}

function formPanel(now, { business, signal, saved }) {
  const form = termsForm(now, business.currency);
  const error = h("p", { class: "error", role: "alert" });
  const done = h("p", { class: "flash", hidden: true }, "The terms are saved: they hold from now on.");
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

  const mayNot = h("p", { class: "note" }, "Your key may read the terms. To set them it needs the scope terms:write.");
  return h(
    "section",
    { class: "panel terms", "aria-labelledby": "terms-title" },
    h("h2", { id: "terms-title" }, "Set the terms"),
    maySet(business) ? null : mayNot,
    h(
      "form",
      { novalidate: true, onsubmit: save },
      h("fieldset", { disabled: !maySet(business), "aria-labelledby": "terms-title" }, form.elements, error, done, h("button", { class: "primary" }, "Save the terms")),
    ),
  );
}

/** Every version with who set it and when, the newest first, a page at a time. */
function history(business, signal) {
  const body = h("tbody");
  const more = h("button", { hidden: true }, "Show more versions");
  const none = h("p", { class: "note" }, "Nobody has set terms yet: everything comes back whole.");
  const element = h(
    "section",
    { class: "panel", "aria-labelledby": "history-title" },
    h("h2", { id: "history-title" }, "Who set them"),
    table(["When, and who", "Terms"], body, "history-title"),
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
