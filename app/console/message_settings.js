// How a business tells: whom and when by default, in whose name, in words of its own, and which addresses are left alone.

import { announce, fill, h } from "./dom.js";
import { all, call, get, isPassing, patiently, put, Refused } from "./api.js";
import { asked } from "./asking.js";
import { mayAudit } from "./audit.js";
import { ADDRESSES, LANGUAGES, whyNotTold } from "./message_words.js";
import { field, input, saving, select } from "./setting_form.js";
import { settingsNav } from "./settings.js";
import { sheet } from "./sheets.js";
import { moment } from "./words.js";

const HOURS = [
  ["", "As the language has it"],
  ["h23", "24 hours"],
  ["h12", "12 hours"],
];
const WRITTEN = LANGUAGES.filter(([code]) => code);

const maySet = (business) => business.key.scopes.includes("business:manage");

export async function show(main, { business, signal }) {
  document.title = `Messages · ${business.name}`;
  const waiting = () => fill(main, h("p", { class: "note warning", role: "status" }, "The service can't be reached. Trying again…"));
  const asking = () => Promise.all([get("/message-settings", { signal }), get("/message-templates", { signal })]);
  const [[settings, templates]] = await Promise.all([patiently(asking, { signal, waiting }), sheet("settings.css")]);
  fill(
    main,
    h("h1", {}, "Messages"),
    settingsNav(business),
    h("p", { class: "note" }, "A client is told once of all that is theirs in a cancellation. How a message reads is shown before the press, in the plan of a cancellation, and sent from there as a test."),
    maySet(business) ? null : h("p", { class: "note" }, "Your key may read these. To set them it needs the scope business:manage."),
    settingsPanel(settings, { business, signal }),
    templatesPanel(templates.data, { business, signal }),
    mayAudit(business) && suppressedPanel({ business, signal }),
  );
}

/** The inputs by the members that they set, and what each says of itself as the API takes it. */
function membersOf(now) {
  const clients = select("clients", [["none", "Don't tell them"], ["email", "By e-mail"]], now.clients);
  const when = select("when", [["settled", "Once all of theirs is settled"], ["accepted", "At once, and once all is settled"]], now.when);
  const within = input("within-hours", now.within_hours, { type: "number", min: 0, max: 720, required: true });
  const subject = input("subject", now.subject, { maxlength: 200 });
  const text = h("textarea", { id: "text", rows: 3, maxlength: 4000, value: now.text ?? "" });
  const staff = input("staff", now.staff.join(", "), { inputmode: "email", spellcheck: "false" });
  const language = select("language", WRITTEN, now.language);
  const hours = select("hour-cycle", HOURS, now.hour_cycle);
  const sender = input("sender-name", now.sender_name, { maxlength: 100 });
  const reply = input("reply-to", now.reply_to, { type: "email", maxlength: 320 });
  const stops = h("input", { id: "unsubscribe", type: "checkbox", checked: now.unsubscribe });
  const words = ({ value }) => value.trim() || null;
  return {
    fields: [
      field("Tell clients", clients),
      field("When", when),
      field("Told of what is known by then, after so many hours", within),
      field("Subject (optional)", subject, "In place of the usual one."),
      field("Your own words (optional)", text, "At the head of each message. What comes back, how and when is always in it."),
      field("Summary to staff (optional)", staff, "E-mail addresses, with commas between: sums and causes, and nobody's name."),
      field("Language, where a client's is not known", language),
      field("Clock", hours),
      field("Name of the sender (optional)", sender, "In place of the business's name."),
      field("Answers go to (optional)", reply),
      h("label", { class: "choice" }, stops, "Each message has a link that stops them"),
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
    title: "Who is told, and in whose name",
    id: "told-title",
    disabled: !maySet(business),
    fields: members.fields,
    button: "Save",
    done: "The settings are saved: cancellations from now on tell so.",
    signal,
    save: () => put("/message-settings", members.read(), { signal }),
    inputs: members.inputs,
  });
  return element;
}

function templatesPanel(own, { business, signal }) {
  const byLanguage = new Map(own.map((one) => [one.language, one]));
  const language = select("template-language", WRITTEN, own[0]?.language ?? "en");
  const subject = input("template-subject", "", { maxlength: 1000, spellcheck: "false" });
  const body = h("textarea", { id: "template-body", rows: 8, maxlength: 20_000, spellcheck: "false" });
  const state = h("p", { class: "note" });
  const back = h("button", { type: "button" }, "Go back to the service's words…");
  const named = () => WRITTEN.find(([code]) => code === language.value)[1];
  function draw() {
    const one = byLanguage.get(language.value);
    subject.value = one?.subject ?? "";
    body.value = one?.body ?? "";
    state.textContent = one ? `In ${named()} your own words are in force.` : `In ${named()} the service's words are in force.`;
    back.hidden = !one;
  }
  async function save() {
    const code = language.value;
    byLanguage.set(code, await put(`/message-templates/${code}`, { subject: subject.value.trim() || null, body: body.value.trim() || null }, { signal }));
    draw();
  }
  const { element, said } = saving({
    title: "Words of your own",
    id: "words-title",
    disabled: !maySet(business),
    fields: [
      field("Language", language),
      state,
      field("Subject", subject, "As Jinja. Left empty: the service's."),
      field("Message", body, "As Jinja, in plain text. {{ details }} stands for all that a client must hear; client_name, business_name, reason, sessions, returned, under_way, with_a_person, kept, choice_url and page_url are there as well."),
    ],
    button: "Save these words",
    done: "The words are saved: they were tried on samples of every kind first.",
    signal,
    save,
    inputs: { subject, body },
    more: back,
  });
  back.addEventListener("click", async () => {
    if ((await asked(`The service's words in ${named()}?`, "Your own are forgotten.", "Go back to the service's words", signal)) === null) return;
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
    announce("The service's words are in force.");
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
  const element = h("details", { class: "panel" }, h("summary", {}, "Addresses that nothing is sent to"), error, rows);
  async function read() {
    try {
      const { data } = await all("/suppressed-addresses", {}, { signal });
      fill(rows, data.length ? data.map(rowOf) : h("li", { class: "note" }, "There are none."));
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed.message;
    }
  }
  function rowOf({ address, because, since }) {
    const again = h("button", { "aria-label": `Send to ${address} again` }, "Send to it again");
    again.addEventListener("click", async () => {
      again.disabled = true;
      try {
        await call("DELETE", `/suppressed-addresses/${encodeURIComponent(address)}`, { signal });
        announce(`${address} is sent messages again.`);
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
    return h("li", {}, h("div", {}, address), h("div", { class: "soft" }, `${why} Since ${moment(since, business.timezone)}.`), maySet(business) && h("div", { class: "acts" }, again));
  }
  element.addEventListener("toggle", () => element.open && read());
  return element;
}
