// How a business tells: whom and when by default, in whose name, in words of its own, and which addresses are left alone.

import { announce, fill, h, saysLost } from "./dom.js";
import { all, call, get, isPassing, patiently, put, Refused } from "./api.js";
import { asked } from "./asking.js";
import { mayAudit } from "./audit.js";
import { ADDRESSES, LANGUAGES, whyNotTold } from "./message_words.js";
import { field, input, saving, select } from "./setting_form.js";
import { manages, readOnly, settingsNav } from "./settings.js";
import { sheet } from "./sheets.js";
import { say } from "./say/settings.js";
import { moment } from "./words.js";

/** Options by value, each with its phrase. */
const named = (...pairs) => pairs.map(([value, name]) => [value, say(`set_messages.${name}`)]);

export async function show(main, { business, signal }) {
  document.title = `${say("settings.messages")} · ${business.name}`;
  const waiting = saysLost(main);
  const asking = () => Promise.all([get("/message-settings", { signal }), get("/message-templates", { signal })]);
  const [[settings, templates]] = await Promise.all([patiently(asking, { signal, waiting }), sheet("settings.css")]);
  fill(
    main,
    h("h1", {}, say("settings.messages")),
    settingsNav(business),
    h("p", { class: "note" }, say("set_messages.about")),
    readOnly(business),
    settingsPanel(settings, { business, signal }),
    templatesPanel(templates.data, { business, signal }),
    mayAudit(business) && suppressedPanel({ business, signal }),
  );
}

/** The inputs by the members that they set, and what each says of itself as the API takes it. */
function membersOf(now) {
  const clients = select("clients", named(["none", "none"], ["email", "email"]), now.clients);
  const when = select("when", named(["settled", "settled"], ["accepted", "accepted"]), now.when);
  const within = input("within-hours", now.within_hours, { type: "number", min: 0, max: 720, required: true });
  const subject = input("subject", now.subject, { maxlength: 200 });
  const text = h("textarea", { id: "text", rows: 3, maxlength: 4000, value: now.text ?? "" });
  const staff = input("staff", now.staff.join(", "), { inputmode: "email", spellcheck: "false" });
  const language = select("language", LANGUAGES, now.language);
  const hours = select("hour-cycle", named(["", "as_language"], ["h23", "h23"], ["h12", "h12"]), now.hour_cycle);
  const sender = input("sender-name", now.sender_name, { maxlength: 100 });
  const reply = input("reply-to", now.reply_to, { type: "email", maxlength: 320 });
  const stops = h("input", { id: "unsubscribe", type: "checkbox", checked: now.unsubscribe });
  const words = ({ value }) => value.trim() || null;
  return {
    fields: [
      field(say("set_messages.clients"), clients),
      field(say("set_messages.when"), when),
      field(say("set_messages.within"), within),
      field(say("set_messages.subject"), subject, say("set_messages.subject_note")),
      field(say("set_messages.text"), text, say("set_messages.text_note")),
      field(say("set_messages.staff"), staff, say("set_messages.staff_note")),
      field(say("set_messages.language"), language, say("set_messages.language_note")),
      field(say("set_messages.clock"), hours),
      field(say("set_messages.sender"), sender, say("set_messages.sender_note")),
      field(say("set_messages.answers"), reply),
      h("label", { class: "choice" }, stops, say("set_messages.stops")),
    ],
    inputs: { clients, when, within_hours: within, subject, text, staff, language, hour_cycle: hours, sender_name: sender, reply_to: reply, unsubscribe: stops },
    read: () => ({
      clients: clients.value,
      when: when.value,
      within_hours: Number(within.value),
      subject: words(subject),
      text: words(text),
      staff: staff.value.split(ADDRESSES).filter(Boolean),
      language: language.value,
      hour_cycle: hours.value || null,
      sender_name: words(sender),
      reply_to: words(reply),
      unsubscribe: stops.checked,
    }),
  };
}

function settingsPanel(now, { business, signal }) {
  const members = membersOf(now);
  const { element } = saving({
    title: say("set_messages.title"),
    id: "told-title",
    disabled: !manages(business),
    fields: members.fields,
    button: say("settings.save"),
    done: say("set_messages.saved"),
    signal,
    save: () => put("/message-settings", members.read(), { signal }),
    inputs: members.inputs,
  });
  return element;
}

function templatesPanel(own, { business, signal }) {
  const byLanguage = new Map(own.map((one) => [one.language, one]));
  const language = select("template-language", LANGUAGES, own[0]?.language ?? "en");
  const subject = input("template-subject", "", { maxlength: 1000, spellcheck: "false" });
  const body = h("textarea", { id: "template-body", rows: 8, maxlength: 20_000, spellcheck: "false" });
  const state = h("p", { class: "note" });
  const back = h("button", { type: "button" }, say("own_words.back"));
  const chosen = () => LANGUAGES.find(([code]) => code === language.value)[1];
  function draw() {
    const one = byLanguage.get(language.value);
    subject.value = one?.subject ?? "";
    body.value = one?.body ?? "";
    state.textContent = say(one ? "own_words.own" : "own_words.service", { language: chosen() });
    back.hidden = !one;
  }
  async function save() {
    const code = language.value;
    byLanguage.set(code, await put(`/message-templates/${code}`, { subject: subject.value.trim() || null, body: body.value.trim() || null }, { signal }));
    draw();
  }
  const { element, said } = saving({
    title: say("own_words.title"),
    id: "words-title",
    disabled: !manages(business),
    fields: [
      field(say("own_words.language"), language),
      state,
      field(say("own_words.subject"), subject, say("own_words.subject_note")),
      field(say("own_words.message"), body, say("own_words.message_note")),
    ],
    button: say("own_words.save"),
    done: say("own_words.saved"),
    signal,
    save,
    inputs: { subject, body },
    more: back,
  });
  back.addEventListener("click", async () => {
    if ((await asked(say("own_words.ask", { language: chosen() }), say("own_words.forgotten"), say("own_words.go_back"), signal)) === null) return;
    try {
      await call("DELETE", `/message-templates/${language.value}`, { signal });
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      state.textContent = failed.message;
      return;
    }
    byLanguage.delete(language.value);
    draw();
    said.hidden = true;
    announce(say("own_words.in_force"));
    language.focus();
  });
  language.addEventListener("change", () => ((said.hidden = true), draw()));
  draw();
  return element;
}

/** Addresses that nothing is sent to, read when they are asked for. */
function suppressedPanel({ business, signal }) {
  const rows = h("ul", { class: "told" });
  const error = h("p", { class: "error", role: "alert" });
  const element = h("details", { class: "panel" }, h("summary", {}, say("left_alone.title")), error, rows);
  async function read() {
    try {
      const { data } = await all("/suppressed-addresses", {}, { signal });
      fill(rows, data.length ? data.map(rowOf) : h("li", { class: "note" }, say("settings.none")));
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed.message;
    }
  }
  function rowOf({ address, because, since }) {
    const again = h("button", { "aria-label": say("left_alone.again_to", { address }) }, say("left_alone.again"));
    again.addEventListener("click", async () => {
      again.disabled = true;
      try {
        await call("DELETE", `/suppressed-addresses/${encodeURIComponent(address)}`, { signal });
        announce(say("left_alone.sent_again", { address }));
        await read();
        element.querySelector("summary").focus();
      } catch (failed) {
        if (signal.aborted) return;
        if (!(failed instanceof Refused || isPassing(failed))) throw failed;
        error.textContent = failed.message;
        again.disabled = false;
      }
    });
    const why = whyNotTold({ status: "bounced", because });
    return h("li", {}, h("div", {}, address), h("div", { class: "soft" }, say("left_alone.since", { why, at: moment(since, business.timezone) })), manages(business) && h("div", { class: "acts" }, again));
  }
  element.addEventListener("toggle", () => element.open && read());
  return element;
}
