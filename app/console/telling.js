// Who is told of a cancellation, when and in which words: as the business has it, until a person says otherwise.

import { h } from "./dom.js";
import { get, patiently } from "./api.js";
import { mayAudit } from "./audit.js";
import { ADDRESSES, toldInWords } from "./message_words.js";
import { planMessage } from "./plan_message.js";
import { say } from "./say/messages.js";

const MAX_TEXT = 4_000;
const BY = ["none", "email"];
const WHEN = ["settled", "accepted"];

/** The section; `ready()` is called once the business's settings are in it, `request()` is the body of the panel's plan. */
export function telling({ business, request, ready, signal }) {
  const select = (id, options) => h("select", { id }, options.map((value) => h("option", { value }, say(`telling.${value}`))));
  const by = select("told-by", BY);
  const when = select("told-when", WHEN);
  const text = h("textarea", { id: "told-text", rows: 3, maxlength: MAX_TEXT, "aria-describedby": "told-text-note" });
  const staff = h("input", { id: "told-staff", type: "text", inputmode: "email", autocomplete: "off", spellcheck: "false", "aria-describedby": "told-staff-note" });
  const field = (words, input, note) => {
    const noted = note && h("p", { class: "note", id: `${input.id}-note` }, note);
    return h("div", { class: "field" }, h("label", { for: input.id }, words), input, noted);
  };
  const details = h(
    "div",
    { hidden: true },
    field(say("telling.when"), when),
    field(say("telling.text"), text, say("telling.text_note")),
  );
  const message = planMessage({ request, signal });
  let isPlanned = false;
  const element = h(
    "fieldset",
    { class: "telling", disabled: true },
    h("legend", { class: "unseen" }, say("telling.title")),
    field(say("telling.clients"), by),
    details,
    message.element,
    field(say("telling.staff"), staff, say("telling.staff_note")),
  );
  let isReady = false;
  const show = () => {
    details.hidden = by.value === "none";
    message.renew(isPlanned && isReady && by.value !== "none" && mayAudit(business));
  };
  element.addEventListener("change", ({ target }) => message.element.contains(target) || show());

  function members() {
    if (!isReady) return {};
    const addresses = staff.value.split(ADDRESSES).filter(Boolean);
    return { messages: { clients: by.value, when: when.value, text: text.value.trim() || null, staff: addresses } };
  }

  async function read() {
    const settings = await patiently(() => get("/message-settings", { signal }), { signal });
    by.value = settings.clients;
    when.value = settings.when;
    text.value = settings.text ?? "";
    staff.value = settings.staff.join(", ");
    message.addresses([...new Set([settings.reply_to, ...settings.staff].filter(Boolean))]);
    element.disabled = false;
    isReady = true;
    show();
    ready();
  }

  read().catch((error) => signal.aborted || console.error(error));
  return {
    element,
    members,
    isReady: () => isReady,
    /** Takes up whether there is a plan that clients would be told of, or another one. */
    renew(plan) {
      isPlanned = plan !== null;
      show();
    },
    /** What was said, in a sentence. */
    words: () => toldInWords(members().messages),
    inputs: [["/messages/text", text], ["/messages/staff", staff]],
  };
}
