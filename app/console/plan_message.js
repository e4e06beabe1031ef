// What clients would be told of the plan that is shown: whom it reaches, how a message reads with its figures, and one that
// the business sends itself. It is asked for once somebody opens it, and anew when the plan is another.

import { announce, fill, h } from "./dom.js";
import { isPassing, patiently, post, Refused } from "./api.js";
import { LANGUAGES, reachInWords, whyNotTold } from "./message_words.js";
import { say } from "./say/messages.js";

const PATH = "/bulk-cancellations/plan/message";

/** A disclosure for the panel; `request()` is the body of its plan. */
export function planMessage({ request, signal }) {
  let isTold = false; // whether there is a plan, and clients are told of it
  let client = null; // whose message it is; null: the first one's
  let next = null;
  let asking = new AbortController();
  const words = h("p", { role: "status" });
  const error = h("p", { class: "error", role: "alert" });
  const language = h("select", { id: "shown-language", onchange: again }, h("option", { value: "" }, say("telling.own_language")), LANGUAGES.map(([tag, name]) => h("option", { value: tag, lang: tag }, name)));
  const letter = h("div", {});
  const another = h("button", { type: "button", onclick: () => ((client = next), again()) }, say("telling.another"));
  const to = h("select", { id: "test-to" });
  const test = h("button", { type: "button", onclick: () => send().catch(console.error) }, say("telling.test"));
  const sending = h("div", { hidden: true }, h("div", { class: "field" }, h("label", { for: "test-to" }, say("telling.test_to")), to), test);
  const unsent = h("p", { class: "note" }, say("telling.no_address"));
  const shown = h(
    "div",
    { hidden: true },
    h("div", { class: "field" }, h("label", { for: "shown-language" }, say("telling.language")), language),
    letter,
    h("div", { class: "toolbar" }, another),
    sending,
    unsent,
  );
  const element = h(
    "details",
    { class: "plan-message", hidden: true, ontoggle: again },
    h("summary", {}, say("telling.who")),
    words,
    error,
    shown,
  );
  const asked = () => ({ ...request(), client_id: client, language: language.value || null });

  function again() {
    look().catch(console.error);
  }

  async function look() {
    asking.abort();
    if (!isTold || !element.open) return;
    asking = new AbortController();
    const either = AbortSignal.any([signal, asking.signal]);
    element.setAttribute("aria-busy", "true");
    error.textContent = "";
    try {
      show(await patiently(() => post(PATH, asked(), { signal: either }), { signal: either, tries: 3 }));
    } catch (failed) {
      if (either.aborted) return;
      if (client !== null && isOfClient(failed)) {
        client = null; // who is no longer in the plan
        again();
        return;
      }
      shown.hidden = true;
      words.textContent = "";
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed.message;
    }
    if (!either.aborted) element.removeAttribute("aria-busy");
  }

  function show({ addressees, message, next_client_id: following }) {
    next = following;
    words.textContent = reachInWords(addressees);
    shown.hidden = message === null;
    if (!message) return;
    const { language: lang, subject, text, because } = message;
    another.hidden = following === null && client === null; // there is one alone
    const why = whyNotTold({ status: "suppressed", because });
    fill(
      letter,
      why && h("p", { class: "note warning" }, say("telling.not_sent", { why })),
      h("p", {}, h("strong", { lang }, subject)),
      h("div", { class: "letter", tabindex: "0", role: "region", "aria-label": say("telling.message"), lang }, text),
      h("p", { class: "note" }, say("telling.as_accepted")),
    );
  }

  async function send() {
    test.disabled = true;
    error.textContent = "";
    try {
      const { to: address } = await post(`${PATH}/send`, { ...asked(), to: to.value }, { signal });
      announce(say("telling.sent", { address }));
      words.textContent = say("telling.sent", { address });
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed instanceof Refused ? failed.message : say("telling.no_answer");
    }
    test.disabled = false;
    test.focus();
  }

  return {
    element,
    /** Shows it for a plan, or hides it: `told` says whether there is one, and clients are told of it. */
    renew(told) {
      isTold = told;
      element.hidden = !told;
      again();
    },
    /** Where a test may go. */
    addresses(known) {
      fill(to, known.map((one) => h("option", { value: one }, one)));
      sending.hidden = known.length === 0;
      unsent.hidden = known.length > 0;
    },
  };
}

const isOfClient = (error) => error instanceof Refused && error.problem.errors?.some((one) => one.pointer === "/client_id");
