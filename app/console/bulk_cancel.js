// Bulk Cancel Sessions: the week's sessions to choose from, the plan, and the one button. A press has an idempotency key
// from before it is sent until it is answered, so that whatever happens in between, asking again cancels nothing twice.

import { announce, download, fill, h } from "./dom.js";
import { all, call, isPassing, patiently, Refused } from "./api.js";
import { changed, keepLooking } from "./live.js";
import { planPanel } from "./plan_panel.js";
import { sessionList } from "./session_list.js";
import { number, plural, returned } from "./words.js";

const PENDING = "bulk-cancel-pending"; // in the tab's storage: a press without an answer
const TRIES = 6;
const EVERY_SECONDS = 10;
const EVERY_SECONDS_OF_MANY = 60;
const MANY = 400;

export async function show(main, { business, query, signal, go }) {
  document.title = `Bulk Cancel Sessions · ${business.name}`;
  const range = { date_from: query.get("from"), date_to: query.get("to") };
  const trouble = h("div", { class: "trouble", role: "alert", id: "trouble" });
  const state = h("p", { class: "note", role: "status" }, "Loading the sessions…");
  let sessions = [];
  let panel = null; // there once the list is, which tells of its first ticks
  const list = sessionList({ zone: business.timezone, changed: () => panel?.renew() });
  panel = planPanel({
    signal,
    chosen: () => ({ ...range, session_ids: list.ticked() }),
    planned: (plan) => list.mark(plan.sessions),
    press: (request) => press({ key: newKey(), request }),
  });
  const dates = dateFields(range, () => load({ anew: true }));
  const filters = filterFields((test) => list.filter(test));
  fill(
    main,
    h("h1", {}, "Bulk Cancel Sessions"),
    trouble,
    h(
      "div",
      { class: "choosing" },
      h(
        "div",
        {},
        h("div", { class: "toolbar" }, dates.element),
        h("div", { class: "toolbar" }, filters.element),
        h(
          "div",
          { class: "toolbar" },
          h("button", { onclick: () => list.tickAll(true) }, "Select all"),
          h("button", { onclick: () => list.tickAll(false) }, "Select none"),
          list.count,
        ),
        state,
        list.element,
      ),
      panel.element,
    ),
  );

  let loading = new AbortController();
  async function load({ anew = false } = {}) {
    loading.abort();
    loading = new AbortController();
    const either = AbortSignal.any([signal, loading.signal]);
    const progress = (count) => anew && (state.textContent = `Loading the sessions… ${number(count)}`);
    const attempt = () => all("/sessions", range, { signal: either, progress });
    try {
      if (anew) state.hidden = false;
      const found = anew ? await patiently(attempt, { signal: either, waiting: notReached }) : await attempt();
      Object.assign(range, { date_from: found.date_from, date_to: found.date_to });
      dates.show(range);
      if (anew) history.replaceState(history.state, "", `/bulk-cancel?from=${range.date_from}&to=${range.date_to}`);
      if (anew || JSON.stringify(found.data) !== JSON.stringify(sessions)) {
        sessions = found.data;
        filters.offer(sessions);
        list.show(sessions);
      }
      state.hidden = true;
      if (anew) fill(trouble);
    } catch (error) {
      if (either.aborted) return;
      if (!anew && isPassing(error)) throw error; // the next look may go through
      state.hidden = true;
      fill(trouble, h("p", {}, error.message), fieldErrors(error));
      if (!(error instanceof Refused)) throw error;
    }
  }

  function notReached() {
    state.hidden = false;
    state.textContent = "The service can't be reached. Trying again…";
  }

  async function press(pending) {
    sessionStorage.setItem(PENDING, JSON.stringify(pending));
    fill(trouble);
    panel.busy(true);
    try {
      const answer = await patiently(() => post202(pending), {
        tries: TRIES,
        waiting: () => fill(trouble, h("p", {}, "No answer yet. Asking again, under the same key, so nothing happens twice…")),
      });
      sessionStorage.removeItem(PENDING);
      changed();
      const jobId = answer.headers.get("Location").split("/").pop();
      const saved = await saveCsv(answer, jobId);
      await go(`/jobs/${jobId}`, { flash: { accepted: true, saved } });
    } catch (error) {
      panel.busy(false);
      if (!isPassing(error)) sessionStorage.removeItem(PENDING);
      if (!(error instanceof Refused) && !isPassing(error)) throw error;
      fill(trouble, ...whyNot(error, () => press(pending)));
      trouble.scrollIntoView({ block: "nearest" });
      if (error instanceof Refused) load().catch(() => {});
      panel.renew();
    }
  }

  const left = sessionStorage.getItem(PENDING);
  if (left) {
    const pending = JSON.parse(left);
    fill(
      trouble,
      h("p", {}, `A cancellation of ${plural(pending.request.session_ids.length, "session")} was sent and not answered.`),
      h("button", { onclick: () => press(pending) }, "Ask what became of it"),
      " ",
      h("button", { class: "plain", onclick: () => (sessionStorage.removeItem(PENDING), fill(trouble)) }, "Forget it"),
    );
  }
  const kept = [...trouble.childNodes];
  await load({ anew: true });
  if (left) fill(trouble, ...kept);
  announce(`${plural(sessions.length, "session")} to choose from.`);
  const seconds = sessions.length > MANY ? EVERY_SECONDS_OF_MANY : EVERY_SECONDS;
  keepLooking(() => load(), { seconds, signal }).catch(console.error);
}

function post202({ key, request }) {
  const headers = { "Idempotency-Key": key, Accept: "text/csv" };
  return call("POST", "/bulk-cancellations", { body: request, headers, patience: 120_000 });
}

/** Saves the CSV that came with the answer; false if it broke off, in which case the job's page has it. */
async function saveCsv(answer, jobId) {
  try {
    download(await answer.blob(), `bulk-cancellation-${jobId}.csv`);
    return true;
  } catch {
    return false;
  }
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `console-${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

function whyNot(error, again) {
  if (isPassing(error)) {
    return [
      h("p", {}, "There was no answer, so it is not known whether the sessions are cancelled. Asking again is safe."),
      h("button", { onclick: again }, "Ask again"),
    ];
  }
  if (error.slug === "sessions-already-in-process") return [h("p", {}, error.message), holders(error.problem.sessions)];
  if (error.slug === "plan-changed") return [h("p", {}, difference(error.problem))];
  return [h("p", {}, error.message), fieldErrors(error)].filter(Boolean);
}

function holders(sessions) {
  const byJob = Map.groupBy(sessions, (one) => one.job_id);
  const lines = [...byJob].map(([job, members]) => {
    const inProcess = members.some((one) => one.outcome === "already_in_process");
    const words = `${plural(members.length, "session")} ${inProcess ? "already in process" : "already cancelled"}`;
    return h("li", {}, `${words}: `, h("a", { href: `/jobs/${job}` }, "see the job"));
  });
  return h("ul", {}, ...lines);
}

function difference({ planned, now }) {
  const listed = (totals) => ({ ...totals, amounts: Object.entries(totals.amounts).map(([currency, amount_minor]) => ({ currency, amount_minor })) });
  const said = (totals) =>
    `${plural(totals.sessions, "session")}, ${plural(totals.clients, "person", "people")} and ${returned(listed(totals)) ?? "nothing"}`;
  const before = planned ? ` It was ${said(planned)};` : "";
  return `Bookings have changed since the plan, so nothing was cancelled.${before} now it is ${said(now)}. Look, and press again.`;
}

function fieldErrors(error) {
  const errors = error.problem?.errors ?? [];
  return errors.length > 1 ? h("ul", {}, ...errors.map((one) => h("li", {}, one.detail))) : null;
}

function dateFields(range, picked) {
  const field = (id, words, member) => {
    const input = h("input", { type: "date", id, required: true });
    input.addEventListener("change", () => {
      if (!input.value) return;
      range[member] = input.value;
      picked();
    });
    return [input, h("div", { class: "field" }, h("label", { for: id }, words), input)];
  };
  const [from, fromField] = field("date-from", "From", "date_from");
  const [to, toField] = field("date-to", "To", "date_to");
  const show = ({ date_from: first, date_to: last }) => {
    if (document.activeElement !== from) from.value = first;
    if (document.activeElement !== to) to.value = last;
  };
  return { element: [fromField, toField], show };
}

function filterFields(filter) {
  const text = h("input", { type: "search", id: "text", placeholder: "Name, place or person" });
  const places = h("select", { id: "location" });
  const people = h("select", { id: "instructor" });
  const test = (session, words) =>
    (!places.value || session.location === places.value) &&
    (!people.value || session.instructor === people.value) &&
    text.value.toLowerCase().split(/\s+/).every((word) => words.includes(word));
  for (const input of [text, places, people]) input.addEventListener("input", () => filter(test));
  const offer = (select, words, values) => {
    const chosen = select.value;
    const known = [...new Set(values.filter(Boolean))].sort((a, b) => a.localeCompare(b));
    fill(select, h("option", { value: "" }, words), ...known.map((value) => h("option", { value }, value)));
    select.value = known.includes(chosen) ? chosen : "";
  };
  const field = (id, words, input) => h("div", { class: "field" }, h("label", { for: id }, words), input);
  return {
    element: [field("text", "Search", text), field("location", "Location", places), field("instructor", "Instructor", people)],
    offer(sessions) {
      offer(places, "All locations", sessions.map((one) => one.location));
      offer(people, "All instructors", sessions.map((one) => one.instructor));
    },
  };
}
