// For how long it is kept who clients are, and one client's data: all of it as a file, or erased.

import { announce, download, fill, h, saysLost, terms } from "./dom.js";
import { call, get, isPassing, patiently, post, put, Refused, sleep } from "./api.js";
import { asked } from "./asking.js";
import { removedFacts, retentionWords } from "./privacy_words.js";
import { field, input, saving } from "./setting_form.js";
import { barred, settingsNav } from "./settings.js";
import { sheet } from "./sheets.js";
import { say } from "./say/settings.js";
import { versionsPanel } from "./versions.js";
import { moment } from "./words.js";

const LOOK_AGAIN_MS = 3_000;
const READS = ["audit:read", "schedule:read", "cancellations:read"];

export async function show(main, { business, query, signal }) {
  document.title = `${say("settings.privacy")} · ${business.name}`;
  const no = barred(business, "/settings/privacy", "business:manage");
  if (no) return fill(main, ...no);
  const waiting = saysLost(main);
  const versions = versionsPanel({ path: "/retention/history", title: say("set_privacy.title"), none: say("set_privacy.nobody"), said: retentionWords, business, signal });
  const asking = () => Promise.all([get("/retention", { signal }), versions.read()]);
  const [[now]] = await Promise.all([patiently(asking, { signal, waiting }), sheet("settings.css")]);
  return fill(
    main,
    h("h1", {}, say("settings.privacy")),
    settingsNav(business),
    h("p", { class: "note" }, say("set_privacy.about")),
    clientPanel({ business, query, signal }),
    retentionPanel(now, { business, signal, saved: versions.read }),
    versions.element,
  );
}

function retentionPanel(now, { business, signal, saved }) {
  const removed = h("dl", { class: "facts" });
  const draw = (said) => fill(removed, terms(removedFacts(said.removed, (at) => moment(at, business.timezone))));
  const days = (id, value) => input(id, value, { type: "number", min: 1, max: 36_500 });
  const inputs = { job_days: days("job-days", now.job_days), message_days: days("message-days", now.message_days), client_days: days("client-days", now.client_days) };
  const read = ({ value }) => (value ? Number(value) : null);
  let kept = now;
  async function save() {
    const next = Object.fromEntries(Object.entries(inputs).map(([name, one]) => [name, read(one)]));
    const isLess = Object.entries(next).some(([name, value]) => value !== null && (kept[name] === null || value < kept[name]));
    if (isLess && (await asked(say("set_privacy.ask"), say("set_privacy.warning"), say("set_privacy.yes"), signal)) === null) return false;
    kept = await put("/retention", next, { signal });
    draw(kept);
    patiently(saved, { signal }).catch(console.error);
    return true;
  }
  draw(now);
  const { element } = saving({
    title: say("set_privacy.title"),
    id: "retention-title",
    disabled: false,
    fields: [
      h("p", { class: "note warning" }, say("set_privacy.warning")),
      field(say("set_privacy.jobs"), inputs.job_days, say("set_privacy.jobs_note")),
      field(say("set_privacy.messages"), inputs.message_days, say("set_privacy.messages_note")),
      field(say("set_privacy.clients"), inputs.client_days, say("set_privacy.clients_note")),
      h("p", { class: "note" }, say("set_privacy.so_far")),
      removed,
    ],
    button: say("settings.save"),
    done: say("set_privacy.saved"),
    signal,
    save,
    inputs,
  });
  return element;
}

function clientPanel({ business, query, signal }) {
  const id = input("client", query.get("client"), { required: true, maxlength: 128, spellcheck: "false" });
  const error = h("p", { class: "error", role: "alert" });
  const said = h("p", { class: "flash", role: "status", hidden: true });
  const saves = h("button", { class: "primary" }, say("set_privacy.get"));
  const erases = h("button", { type: "button", class: "danger" }, say("set_privacy.erase"));
  const path = () => `/clients/${encodeURIComponent(id.value.trim())}`;
  const tell = (words) => {
    said.textContent = words;
    said.hidden = false;
    announce(words);
  };

  /** One of both acts at a time, and why it could not be done. */
  async function act(one) {
    error.textContent = "";
    said.hidden = true;
    for (const button of [saves, erases]) button.disabled = true;
    try {
      await one();
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || failed instanceof SyntaxError || isPassing(failed))) throw failed;
      error.textContent = failed instanceof SyntaxError ? say("set_privacy.cut") : failed.message;
    } finally {
      for (const button of [saves, erases]) button.disabled = false;
    }
  }

  async function save() {
    const answer = await call("GET", `${path()}/personal-data`, { signal, patience: 0 });
    const text = await answer.text();
    JSON.parse(text); // a part of a document is none
    download(new Blob([text], { type: "application/json" }), `client-${id.value.trim()}.json`);
    tell(say("set_privacy.saved_file"));
  }

  async function erase() {
    const client = id.value.trim();
    const yes = await asked(say("set_privacy.erase_ask", { client }), say("set_privacy.erase_about"), say("set_privacy.erase_yes"), signal);
    if (yes === null) return;
    let state = await post(`${path()}/erase`, undefined, { signal });
    tell(say("set_privacy.under_way"));
    while (state.status !== "done") {
      await sleep(LOOK_AGAIN_MS, signal);
      signal.throwIfAborted();
      state = await patiently(() => get(`/clients/${encodeURIComponent(client)}/erasure`, { signal }), { signal });
    }
    tell(say("set_privacy.done"));
  }

  erases.addEventListener("click", () => id.reportValidity() && act(erase));
  const submit = (event) => {
    event.preventDefault();
    act(save);
  };
  const mayRead = READS.every((scope) => business.key.scopes.includes(scope));
  return h(
    "section",
    { class: "panel", "aria-labelledby": "client-title" },
    h("h2", { id: "client-title" }, say("set_privacy.client")),
    h("form", { class: "terms setting", onsubmit: submit }, field(say("set_privacy.client_id"), id, say("set_privacy.client_note")), error, said, h("div", { class: "toolbar" }, mayRead && saves, erases)),
  );
}
