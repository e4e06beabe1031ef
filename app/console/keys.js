// A business's API keys: who has which, what each may do and until when; new ones, whose secret is shown this once.

import { fill, h, saysLost } from "./dom.js";
import { all, isPassing, patiently, post, Refused } from "./api.js";
import { KEY, mayGive, mayWords, ROLE, rolesFor, scopeWords } from "./access_words.js";
import { asked, shownOnce } from "./asking.js";
import { now } from "./clock.js";
import { joined } from "./language.js";
import { newKey as idempotencyKey } from "./press.js";
import { barred, settingsNav } from "./settings.js";
import { sheet } from "./sheets.js";
import { say } from "./say/settings.js";
import { moment } from "./words.js";

const DAY_MS = 86_400_000;
const ENDS = ["30", "90", "365"]; // days

export async function show(main, { business, signal }) {
  document.title = `${say("settings.keys")} · ${business.name}`;
  const no = barred(business, "/settings/keys", "business:manage");
  if (no) return fill(main, ...no);
  const list = keyList({ business, signal });
  const waiting = saysLost(main);
  await Promise.all([patiently(list.read, { signal, waiting }), sheet("settings.css")]);
  return fill(
    main,
    h("h1", {}, say("settings.keys")),
    settingsNav(business),
    h("p", { class: "note" }, say("set_keys.about")),
    makePanel({ business, signal, made: list.read }),
    list.element,
  );
}

function makePanel({ business, signal, made }) {
  const own = business.key.scopes;
  const name = h("input", { id: "key-name", required: true, maxlength: 200, autocomplete: "off" });
  const role = h("select", { id: "key-role" }, rolesFor(own).map((one) => h("option", { value: one, selected: one === "front_desk" }, say(`role.${one}`))), h("option", { value: "" }, say("set_keys.single")));
  const boxes = own.map((scope) => h("label", { class: "choice" }, h("input", { type: "checkbox", name: "scope", value: scope }), scopeWords(scope)));
  const single = h("fieldset", { hidden: true }, h("legend", {}, say("set_keys.may")), boxes);
  const may = h("p", { class: "note", id: "role-note" });
  const places = h("textarea", { id: "key-locations", rows: 2, spellcheck: "false", "aria-describedby": "key-locations-note" });
  const placesNote = h("p", { class: "note", id: "key-locations-note" }, say("set_keys.locations_note"));
  const ends = h("select", { id: "key-ends" }, h("option", { value: "" }, say("set_keys.never")), ENDS.map((value) => h("option", { value }, say(`set_keys.days_${value}`))));
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", { class: "primary" }, say("set_keys.make_it"));
  let attempt = null; // {said, key}: asked again with the same words it is the same request

  function explain() {
    single.hidden = role.value !== "";
    may.textContent = role.value ? say("settings.full_stop", { all: ROLE[role.value].map(scopeWords).join(say("frame.semicolon")) }) : "";
  }

  async function make(event) {
    event.preventDefault();
    error.textContent = "";
    const body = { name: name.value.trim(), expires_at: ends.value ? new Date(now() + ends.value * DAY_MS).toISOString() : null };
    if (role.value) body.role = role.value;
    else body.scopes = [...single.querySelectorAll("input:checked")].map(({ value }) => value);
    const locations = places.value.split("\n").map((one) => one.trim()).filter(Boolean);
    if (locations.length) body.locations = locations;
    if (!role.value && !body.scopes.length) {
      error.textContent = say("set_keys.choose");
      return;
    }
    const said = JSON.stringify({ ...body, expires_at: ends.value });
    if (attempt?.said !== said) attempt = { said, key: idempotencyKey(), body };
    button.disabled = true;
    try {
      const key = await post("/keys", attempt.body, { headers: { "Idempotency-Key": attempt.key }, signal });
      attempt = null;
      form.reset();
      explain();
      await shownOnce(key.token, key.name, signal);
      await made();
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed.message;
    } finally {
      button.disabled = false;
    }
  }

  role.addEventListener("change", explain);
  const field = (words, input, ...more) => h("div", { class: "field" }, h("label", { for: input.id }, words), input, ...more);
  const form = h("form", { class: "terms setting", onsubmit: make }, field(say("set_keys.name"), name), field(say("set_keys.role"), role, may), single, field(say("set_keys.locations"), places, placesNote), field(say("set_keys.ends"), ends), error, button);
  explain();
  return h("section", { class: "panel", "aria-labelledby": "make-title" }, h("h2", { id: "make-title" }, say("set_keys.make")), form);
}

function keyList({ business, signal }) {
  const said = h("p", { class: "flash", role: "status", tabindex: "-1", hidden: true });
  const error = h("p", { class: "error", role: "alert" });
  const rows = h("ul", { class: "told" });
  const element = h("section", { class: "panel", "aria-labelledby": "keys-title" }, h("h2", { id: "keys-title" }, say("set_keys.all")), said, error, rows);

  async function read() {
    const { data } = await all("/keys", {}, { signal });
    const ranked = data.toSorted((one, other) => Number(one.status !== "in_force") - Number(other.status !== "in_force"));
    fill(rows, ranked.map(rowOf));
  }

  function rowOf(key) {
    const isOver = key.status === "revoked";
    const mayChange = mayGive(business.key.scopes, key.scopes);
    const rotate = h("button", { "aria-label": say("set_keys.rotate_of", { name: key.name }), onclick: () => rotated(key) }, say("set_keys.rotate"));
    const revoke = h("button", { "aria-label": say("set_keys.revoke_of", { name: key.name }), onclick: () => revoked(key) }, say("set_keys.revoke"));
    return h(
      "li",
      { "data-key": key.id },
      h("div", {}, h("strong", {}, key.name), h("div", { class: "soft" }, h("bdi", { dir: "ltr" }, `bck_${key.prefix}_…`)), h("span", { class: `badge ${KEY[key.status]}` }, say(`key_state.${key.status}`))),
      h("div", {}, mayWords(key), key.locations && h("div", {}, say("set_keys.only", { locations: joined(key.locations, say("frame.comma")) })), h("div", { class: "soft" }, timesOf(key))),
      h("div", { class: "acts" }, !isOver && mayChange && rotate, !isOver && revoke),
    );
  }

  function timesOf(key) {
    const at = (instant) => moment(instant, business.timezone);
    const parts = [key.last_used_at ? say("set_keys.used", { at: at(key.last_used_at) }) : say("set_keys.never_used")];
    if (key.revoked_at) parts.push(say("set_keys.revoked", { at: at(key.revoked_at) }));
    else if (key.expires_at) parts.push(say(key.status === "expired" ? "set_keys.ended" : "set_keys.will_end", { at: at(key.expires_at) }));
    if (key.previous_secret_until) parts.push(say("set_keys.old_until", { at: at(key.previous_secret_until) }));
    return parts.join(" · ");
  }

  function tell(words) {
    said.hidden = false;
    said.textContent = words;
    said.focus();
  }

  async function acted(act) {
    error.textContent = "";
    try {
      const words = await act();
      await read();
      tell(words);
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed.message;
    }
  }

  async function rotated(key) {
    const ways = { 86400: say("set_keys.old_day"), 0: say("set_keys.old_known") };
    const answer = await asked(say("set_keys.rotate_ask", { name: key.name }), say("set_keys.rotate_about"), say("set_keys.rotate_yes"), signal, ways);
    if (answer === null) return;
    await acted(async () => {
      const { token } = await post(`/keys/${key.id}/rotate`, { overlap_seconds: Number(answer) }, { signal });
      await shownOnce(token, key.name, signal);
      return say("set_keys.rotated", { name: key.name });
    });
  }

  async function revoked(key) {
    const answer = await asked(say("set_keys.revoke_ask", { name: key.name }), say("set_keys.revoke_about"), say("set_keys.revoke_yes"), signal);
    if (answer === null) return;
    await acted(async () => {
      await post(`/keys/${key.id}/revoke`, undefined, { signal });
      return say("set_keys.is_revoked", { name: key.name });
    });
  }

  return { element, read };
}
