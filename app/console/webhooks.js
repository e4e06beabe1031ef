// A business's webhook endpoints: where they are, what each is told of, what was sent there and what came back.

import { fill, h, saysLost } from "./dom.js";
import { all, call, get, isPassing, patch, patiently, post, Refused, withQuery } from "./api.js";
import { asked, shownOnce } from "./asking.js";
import { barred, settingsNav } from "./settings.js";
import { sheet } from "./sheets.js";
import { say } from "./say/settings.js";
import { DELIVERY, deliveryWords, ENDPOINT, EVENTS, eventWords, stateWord, whyDisabled } from "./webhook_words.js";
import { moment } from "./words.js";

const DELIVERIES = 20;

export async function show(main, { business, signal }) {
  document.title = `${say("settings.webhooks")} · ${business.name}`;
  const no = barred(business, "/settings/webhooks", "webhooks:manage");
  if (no) return fill(main, ...no);
  const list = endpointList({ business, signal });
  const waiting = saysLost(main);
  await Promise.all([patiently(list.read, { signal, waiting }), sheet("settings.css")]);
  return fill(
    main,
    h("h1", {}, say("settings.webhooks")),
    settingsNav(business),
    h("p", { class: "note" }, say("hooks.about")),
    list.element,
    makePanel({ signal, made: list.read }),
  );
}

function makePanel({ signal, made }) {
  const url = h("input", { id: "hook-url", type: "url", required: true, placeholder: "https://", autocomplete: "off" });
  const about = h("input", { id: "hook-about", maxlength: 200, autocomplete: "off" });
  const boxes = EVENTS.map((type) => h("label", { class: "choice" }, h("input", { type: "checkbox", value: type }), eventWords(type)));
  const types = h("fieldset", {}, h("legend", {}, say("hooks.types")), boxes);
  const error = h("p", { class: "error", role: "alert" });
  const field = (words, input) => h("div", { class: "field" }, h("label", { for: input.id }, words), input);
  const button = h("button", { class: "primary" }, say("hooks.add"));
  const form = h("form", { class: "terms setting", onsubmit: make }, field(say("hooks.address"), url), field(say("hooks.what"), about), types, error, button);

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
  return h("section", { class: "panel", "aria-labelledby": "hook-title" }, h("h2", { id: "hook-title" }, say("hooks.title")), form);
}

function endpointList({ business, signal }) {
  const said = h("p", { class: "flash", role: "status", tabindex: "-1", hidden: true });
  const error = h("p", { class: "error", role: "alert" });
  const rows = h("div");
  const element = h("section", { "aria-label": say("hooks.list") }, said, error, rows);
  const open = new Set(); // whose deliveries are shown

  async function read() {
    const { data } = await all("/webhook-endpoints", {}, { signal });
    fill(rows, data.length ? data.map(panelOf) : h("p", { class: "note" }, say("hooks.none")));
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
    const act = (words, doing) => h("button", { "aria-label": say("hooks.act_of", { act: words, url: endpoint.url }), onclick: () => acted(doing) }, words);
    const status = (value) => async () => {
      await patch(path, { status: value }, { signal });
      return say(`hooks.${value}`);
    };
    return h(
      "section",
      { class: "panel", "data-endpoint": endpoint.id, "aria-label": endpoint.url },
      h("h2", {}, endpoint.url, " ", h("span", { class: `badge ${ENDPOINT[endpoint.status]}` }, stateWord(endpoint.status))),
      endpoint.description && h("p", {}, endpoint.description),
      h("p", { class: "soft" }, endpoint.event_types ? endpoint.event_types.map(eventWords).join(say("frame.semicolon")) : say("hooks.everything")),
      whyDisabled(endpoint) && h("p", { class: "note warning" }, whyDisabled(endpoint)),
      h(
        "div",
        { class: "toolbar" },
        isOn && act(say("hooks.test"), () => test(path)),
        act(say("set_keys.rotate"), () => rotated(endpoint, path)),
        isOn ? act(say("hooks.disable"), status("disabled")) : act(say("hooks.enable"), status("enabled")),
        act(say("hooks.delete"), () => deleted(endpoint, path)),
      ),
      deliveriesOf(endpoint, path),
    );
  }

  async function test(path) {
    await post(`${path}/test`, undefined, { signal });
    open.add(path);
    return say("hooks.tested");
  }

  async function rotated(endpoint, path) {
    const ways = { 0: say("set_keys.old_known"), 86400: say("hooks.signs_day") };
    const answer = await asked(say("set_keys.rotate_ask", { name: endpoint.url }), say("hooks.rotate_about"), say("set_keys.rotate_yes"), signal, ways);
    if (answer === null) return null;
    const { secret } = await post(`${path}/rotate-secret`, { overlap_seconds: Number(answer) }, { signal });
    await shownOnce(secret, endpoint.url, signal, "secret");
    return say("hooks.rotated");
  }

  async function deleted(endpoint, path) {
    const answer = await asked(say("hooks.delete_ask", { url: endpoint.url }), say("hooks.delete_about"), say("hooks.delete_yes"), signal);
    if (answer === null) return null;
    await call("DELETE", path, { signal });
    return say("hooks.deleted");
  }

  function deliveriesOf(endpoint, path) {
    const list = h("ul", { class: "told" });
    const note = h("p", { class: "error", role: "alert" });
    const again = h("button", { onclick: () => look() }, say("hooks.look_again"));
    const details = h("details", {}, h("summary", { "aria-label": say("hooks.sent_to", { url: endpoint.url }) }, say("hooks.sent")), note, list, again);

    async function look() {
      note.textContent = "";
      try {
        const { data } = await get(withQuery(`${path}/deliveries`, { limit: DELIVERIES }), { signal });
        fill(list, data.length ? data.map(rowOf) : h("li", { class: "note" }, say("hooks.nothing")));
      } catch (failed) {
        if (signal.aborted) return;
        if (!(failed instanceof Refused || isPassing(failed))) throw failed;
        note.textContent = failed.message;
      }
    }

    function rowOf(delivery) {
      const what = eventWords(delivery.type);
      const resend = h("button", { "aria-label": say("hooks.act_of", { act: say("hooks.send_again"), url: what }) }, say("hooks.send_again"));
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
        h("div", {}, h("span", { class: `badge ${DELIVERY[delivery.status]}` }, stateWord(delivery.status)), h("div", { class: "soft" }, deliveryWords(delivery, (at) => moment(at, business.timezone)))),
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
