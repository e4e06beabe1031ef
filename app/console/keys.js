// A business's API keys: who has which, what each may do and until when; new ones, whose secret is shown this once.

import { fill, h } from "./dom.js";
import { all, isPassing, patiently, post, Refused } from "./api.js";
import { KEY, mayGive, mayWords, ROLE, rolesFor, SCOPE } from "./access_words.js";
import { asked, shownOnce } from "./asking.js";
import { now } from "./clock.js";
import { newKey as idempotencyKey } from "./press.js";
import { barred, settingsNav } from "./settings.js";
import { sheet } from "./sheets.js";
import { moment } from "./words.js";

const DAY_MS = 86_400_000;
const ENDS = [
  ["", "Never"],
  ["30", "In 30 days"],
  ["90", "In 90 days"],
  ["365", "In a year"],
];

export async function show(main, { business, signal }) {
  document.title = `Keys · ${business.name}`;
  const no = barred(business, "/settings/keys", "business:manage");
  if (no) return fill(main, ...no);
  const list = keyList({ business, signal });
  const waiting = () => main.childElementCount || fill(main, h("p", { class: "note", role: "status" }, "The service can't be reached. Trying again…"));
  await Promise.all([patiently(list.read, { signal, waiting }), sheet("settings.css")]);
  return fill(
    main,
    h("h1", {}, "Keys"),
    settingsNav(business),
    h("p", { class: "note" }, "A key is what a person or a program calls with. The audit has its name, so give each its own."),
    makePanel({ business, signal, made: list.read }),
    list.element,
  );
}

function makePanel({ business, signal, made }) {
  const own = business.key.scopes;
  const name = h("input", { id: "key-name", required: true, maxlength: 200, autocomplete: "off" });
  const role = h("select", { id: "key-role" }, rolesFor(own).map((one) => h("option", { value: one, selected: one === "front_desk" }, ROLE[one].name)), h("option", { value: "" }, "Single rights…"));
  const boxes = own.map((scope) => h("label", { class: "choice" }, h("input", { type: "checkbox", name: "scope", value: scope }), SCOPE[scope] ?? scope));
  const single = h("fieldset", { hidden: true }, h("legend", {}, "What it may do"), boxes);
  const may = h("p", { class: "note", id: "role-note" });
  const places = h("textarea", { id: "key-locations", rows: 2, spellcheck: "false", "aria-describedby": "key-locations-note" });
  const placesNote = h("p", { class: "note", id: "key-locations-note" }, "A line for each, as the schedule spells it. Empty: all. A key of some locations sees and cancels nothing else.");
  const ends = h("select", { id: "key-ends" }, ENDS.map(([value, words]) => h("option", { value }, words)));
  const error = h("p", { class: "error", role: "alert" });
  const button = h("button", { class: "primary" }, "Make the key");
  let attempt = null; // {said, key}: asked again with the same words it is the same request

  function explain() {
    single.hidden = role.value !== "";
    may.textContent = role.value ? `${ROLE[role.value].scopes.map((scope) => SCOPE[scope]).join("; ")}.` : "";
  }

  async function make(event) {
    event.preventDefault();
    error.textContent = "";
    const body = { name: name.value.trim(), expires_at: ends.value ? new Date(now() + ends.value * DAY_MS).toISOString() : null };
    const locations = places.value.split("\n").map((one) => one.trim()).filter(Boolean);
    if (locations.length) body.locations = locations;
    if (role.value) body.role = role.value;
    else body.scopes = [...single.querySelectorAll("input:checked")].map(({ value }) => value);
    if (!role.value && !body.scopes.length) {
      error.textContent = "Choose something that it may do.";
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
  const form = h("form", { class: "terms setting", onsubmit: make }, field("Name", name), field("Role", role, may), single, field("Only these locations", places, placesNote), field("It ends", ends), error, button);
  explain();
  return h("section", { class: "panel", "aria-labelledby": "make-title" }, h("h2", { id: "make-title" }, "Make a key"), form);
}

function keyList({ business, signal }) {
  const said = h("p", { class: "flash", role: "status", tabindex: "-1", hidden: true });
  const error = h("p", { class: "error", role: "alert" });
  const rows = h("ul", { class: "told" });
  const element = h("section", { class: "panel", "aria-labelledby": "keys-title" }, h("h2", { id: "keys-title" }, "All keys"), said, error, rows);

  async function read() {
    const { data } = await all("/keys", {}, { signal });
    const ranked = data.toSorted((one, other) => Number(one.status !== "in_force") - Number(other.status !== "in_force"));
    fill(rows, ranked.map(rowOf));
  }

  function rowOf(key) {
    const { name, badge } = KEY[key.status];
    const isOver = key.status === "revoked";
    const mayChange = mayGive(business.key.scopes, key.scopes);
    const rotate = h("button", { "aria-label": `New secret for ${key.name}`, onclick: () => rotated(key) }, "New secret…");
    const revoke = h("button", { "aria-label": `Revoke ${key.name}`, onclick: () => revoked(key) }, "Revoke…");
    return h(
      "li",
      { "data-key": key.id },
      h("div", {}, h("strong", {}, key.name), h("div", { class: "soft" }, `bck_${key.prefix}_…`), h("span", { class: `badge ${badge}` }, name)),
      h("div", {}, mayWords(key), key.locations && h("div", {}, `Only ${key.locations.join(", ")}`), h("div", { class: "soft" }, timesOf(key))),
      h("div", { class: "acts" }, !isOver && mayChange && rotate, !isOver && revoke),
    );
  }

  function timesOf(key) {
    const at = (instant) => moment(instant, business.timezone);
    const parts = [key.last_used_at ? `Used ${at(key.last_used_at)}` : "Never used"];
    if (key.revoked_at) parts.push(`revoked ${at(key.revoked_at)}`);
    else if (key.expires_at) parts.push(`${key.status === "expired" ? "ended" : "ends"} ${at(key.expires_at)}`);
    if (key.previous_secret_until) parts.push(`old secret works until ${at(key.previous_secret_until)}`);
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
    const ways = { 86400: "The old secret works for a day more", 0: "The old secret has become known: it ends now" };
    const answer = await asked(`A new secret for ${key.name}`, "Whoever calls with this key needs the new one.", "Give it a new secret", signal, ways);
    if (answer === null) return;
    await acted(async () => {
      const { token } = await post(`/keys/${key.id}/rotate`, { overlap_seconds: Number(answer) }, { signal });
      await shownOnce(token, key.name, signal);
      return `${key.name} has a new secret.`;
    });
  }

  async function revoked(key) {
    const answer = await asked(`Revoke ${key.name}?`, "For good: nobody calls with it again. What it did stays in the audit.", "Revoke it", signal);
    if (answer === null) return;
    await acted(async () => {
      await post(`/keys/${key.id}/revoke`, undefined, { signal });
      return `${key.name} is revoked.`;
    });
  }

  return { element, read };
}
