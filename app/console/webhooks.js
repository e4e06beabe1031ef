// A business's webhook endpoints: where they are, what each is told of, what was sent there and what came back.

import { fill, h } from "./dom.js";
import { all, call, get, isPassing, patch, patiently, post, Refused, withQuery } from "./api.js";
import { asked, shownOnce } from "./asking.js";
import { barred, settingsNav } from "./settings.js";
import { sheet } from "./sheets.js";
import { DELIVERY, deliveryWords, ENDPOINT, EVENTS, eventWords, whyDisabled } from "./webhook_words.js";
import { moment } from "./words.js";

const DELIVERIES = 20;

export async function show(main, { business, signal }) {
  document.title = `Webhooks · ${business.name}`;
  const no = barred(business, "/settings/webhooks", "webhooks:manage");
  if (no) return fill(main, ...no);
  const list = endpointList({ business, signal });
  const waiting = () => fill(main, h("p", { class: "note warning", role: "status" }, "The service can't be reached. Trying again…"));
  await Promise.all([patiently(list.read, { signal, waiting }), sheet("settings.css")]);
  return fill(
    main,
    h("h1", {}, "Webhooks"),
    settingsNav(business),
    h("p", { class: "note" }, "Your own systems are told of what happens: signed, and tried again for days until they have heard."),
    list.element,
    makePanel({ signal, made: list.read }),
  );
}

function makePanel({ signal, made }) {
  const url = h("input", { id: "hook-url", type: "url", required: true, placeholder: "https://", autocomplete: "off" });
  const about = h("input", { id: "hook-about", maxlength: 200, autocomplete: "off" });
  const boxes = Object.entries(EVENTS).map(([type, words]) => h("label", { class: "choice" }, h("input", { type: "checkbox", value: type }), words));
  const types = h("fieldset", {}, h("legend", {}, "Told of (none ticked: of all, and of what is added later)"), boxes);
  const error = h("p", { class: "error", role: "alert" });
  const field = (words, input) => h("div", { class: "field" }, h("label", { for: input.id }, words), input);
  const button = h("button", { class: "primary" }, "Add the endpoint");
  const form = h("form", { class: "terms setting", onsubmit: make }, field("Address", url), field("What it is (optional)", about), types, error, button);

  async function make(event) {
    event.preventDefault();
    error.textContent = "";
    button.disabled = true;
    try {
      const chosen = [...types.querySelectorAll("input:checked")].map(({ value }) => value);
      const body = { url: url.value.trim(), description: about.value.trim() || null, event_types: chosen.length ? chosen : null };
      const endpoint = await post("/webhook-endpoints", body, { signal });
      form.reset();
      await made();
      await shownOnce(endpoint.secret, endpoint.url, signal, "secret");
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed.problem?.errors?.map(({ detail }) => detail).join(" ") || failed.message;
    } finally {
      button.disabled = false;
    }
  }
  return h("section", { class: "panel", "aria-labelledby": "hook-title" }, h("h2", { id: "hook-title" }, "Add an endpoint"), form);
}

function endpointList({ business, signal }) {
  const said = h("p", { class: "flash", role: "status", tabindex: "-1", hidden: true });
  const error = h("p", { class: "error", role: "alert" });
  const rows = h("div");
  const element = h("section", { "aria-label": "Endpoints" }, said, error, rows);
  const open = new Set(); // whose deliveries are shown

  async function read() {
    const { data } = await all("/webhook-endpoints", {}, { signal });
    fill(rows, data.length ? data.map(panelOf) : h("p", { class: "note" }, "There are no endpoints yet."));
  }

  function tell(words) {
    said.hidden = false;
    said.textContent = words;
    said.focus();
  }

  /** Does what a button is for, shows what came of it, and looks again. */
  async function acted(act) {
    error.textContent = "";
    try {
      const words = await act();
      await read();
      if (words) tell(words);
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed.message;
    }
  }

  function panelOf(endpoint) {
    const path = `/webhook-endpoints/${endpoint.id}`;
    const isOn = endpoint.status === "enabled";
    const { name, badge } = ENDPOINT[endpoint.status];
    const act = (words, doing) => h("button", { "aria-label": `${words}: ${endpoint.url}`, onclick: () => acted(doing) }, words);
    const status = (value) => async () => {
      await patch(path, { status: value }, { signal });
      return value === "enabled" ? "It is told of what happens from now on." : "Nothing is sent to it now.";
    };
    return h(
      "section",
      { class: "panel", "data-endpoint": endpoint.id, "aria-label": endpoint.url },
      h("h2", {}, endpoint.url, " ", h("span", { class: `badge ${badge}` }, name)),
      endpoint.description && h("p", {}, endpoint.description),
      h("p", { class: "soft" }, endpoint.event_types ? endpoint.event_types.map(eventWords).join("; ") : "Told of everything"),
      whyDisabled(endpoint) && h("p", { class: "note warning" }, whyDisabled(endpoint)),
      h(
        "div",
        { class: "toolbar" },
        isOn && act("Send a test", () => test(path)),
        act("New secret…", () => rotated(endpoint, path)),
        isOn ? act("Disable", status("disabled")) : act("Enable", status("enabled")),
        act("Delete…", () => deleted(endpoint, path)),
      ),
      deliveriesOf(endpoint, path),
    );
  }

  async function test(path) {
    await post(`${path}/test`, undefined, { signal });
    open.add(path);
    return "A test event is on its way: what came back stands among what was sent.";
  }

  async function rotated(endpoint, path) {
    const ways = { 0: "The old secret has become known: it ends now", 86400: "The old secret signs beside it for a day" };
    const answer = await asked(`A new secret for ${endpoint.url}`, "What it is sent is signed with the new one at once.", "Give it a new secret", signal, ways);
    if (answer === null) return null;
    const { secret } = await post(`${path}/rotate-secret`, { overlap_seconds: Number(answer) }, { signal });
    await shownOnce(secret, endpoint.url, signal, "secret");
    return "It has a new secret.";
  }

  async function deleted(endpoint, path) {
    const answer = await asked(`Delete ${endpoint.url}?`, "Nothing more is sent to it, and what was sent is forgotten.", "Delete it", signal);
    if (answer === null) return null;
    await call("DELETE", path, { signal });
    return "The endpoint is deleted.";
  }

  function deliveriesOf(endpoint, path) {
    const list = h("ul", { class: "told" });
    const note = h("p", { class: "error", role: "alert" });
    const again = h("button", { onclick: () => look() }, "Look again");
    const details = h("details", {}, h("summary", {}, "What was sent", h("span", { class: "unseen" }, ` to ${endpoint.url}`)), note, list, again);

    async function look() {
      note.textContent = "";
      try {
        const { data } = await get(withQuery(`${path}/deliveries`, { limit: DELIVERIES }), { signal });
        fill(list, data.length ? data.map(rowOf) : h("li", { class: "note" }, "Nothing so far."));
      } catch (failed) {
        if (signal.aborted) return;
        if (!(failed instanceof Refused || isPassing(failed))) throw failed;
        note.textContent = failed.message;
      }
    }

    function rowOf(delivery) {
      const { name, badge } = DELIVERY[delivery.status];
      const what = eventWords(delivery.type);
      const resend = h("button", { "aria-label": `Send again: ${what}` }, "Send again");
      resend.addEventListener("click", async () => {
        resend.disabled = true;
        try {
          await post(`${path}/deliveries/${delivery.event_id}/redeliver`, undefined, { signal });
          await look();
        } catch (failed) {
          if (signal.aborted) return;
          if (!(failed instanceof Refused || isPassing(failed))) throw failed;
          note.textContent = failed.message;
          resend.disabled = false;
        }
      });
      return h(
        "li",
        { "data-delivery": delivery.event_id },
        h("div", {}, what, h("div", { class: "soft" }, moment(delivery.occurred_at, business.timezone))),
        h("div", {}, h("span", { class: `badge ${badge}` }, name), h("div", { class: "soft" }, deliveryWords(delivery, (at) => moment(at, business.timezone)))),
        h("div", { class: "acts" }, endpoint.status === "enabled" && delivery.status !== "pending" && resend),
      );
    }

    details.addEventListener("toggle", () => {
      if (!details.open) open.delete(path);
      else if (open.add(path)) look();
    });
    details.open = open.has(path);
    return details;
  }

  return { element, read };
}
