// Who was told of a bulk cancellation and who could not be, what each message says, and one sent once more.

import { announce, closed, fill, h } from "./dom.js";
import { get, isPassing, patiently, post, Refused, withQuery } from "./api.js";
import { mayAudit } from "./audit.js";
import { whyNotTold } from "./message_words.js";
import { say } from "./say/job.js";
import { moment, number } from "./words.js";

const PAGE = 50;
/** A message's states: the style of its badge. */
export const MESSAGE = { sent: "good", pending: "", bounced: "bad", failed: "bad", suppressed: "bad" };

const NOT_REACHED = ["bounced", "failed", "suppressed"];

/** The panel, which is there for jobs that tell somebody. */
export function messagesPanel({ path, business, signal }) {
  const words = h("p");
  const error = h("p", { class: "error", role: "alert" });
  const which = h("select", { id: "which-messages" });
  const rows = h("ul", { class: "told", "aria-label": say("told.title") });
  const more = h("button", { hidden: true }, say("told.more"));
  const list = h(
    "div",
    { hidden: true },
    h("div", { class: "toolbar" }, h("div", { class: "field" }, h("label", { for: "which-messages" }, say("told.show")), which)),
    rows,
    more,
  );
  const element = h(
    "section",
    { class: "panel", "aria-labelledby": "messages-title", hidden: true },
    h("h2", { id: "messages-title" }, say("told.title")),
    words,
    error,
    list,
  );
  let shown = PAGE;
  let drawn = null; // the counts that the rows were drawn with
  let looking = false;
  let again = false;

  async function look() {
    again = looking;
    if (looking) return;
    looking = true;
    try {
      const counts = await get(`${path}/messages/counts`, { signal });
      const state = JSON.stringify([counts, which.value, shown]);
      if (state !== drawn) await draw(counts);
      drawn = state;
    } catch (failed) {
      if (!signal.aborted && !isPassing(failed)) throw failed; // else again at the next look
    } finally {
      looking = false;
      if (again && !signal.aborted) look().catch(console.error);
    }
  }

  async function draw(counts) {
    const found = [];
    let cursor = null;
    do {
      const query = { status: which.value, limit: PAGE, cursor };
      const page = await get(withQuery(`${path}/messages`, query), { signal });
      found.push(...page.data);
      cursor = page.next_cursor;
    } while (cursor && found.length < shown);
    words.textContent = countsInWords(counts);
    offer(counts);
    more.hidden = cursor === null;
    list.hidden = Object.values(counts).every((count) => count === 0);
    fill(rows, found.length ? found.map(rowOf) : h("li", { class: "note" }, say("told.none")));
  }

  function offer(counts) {
    const chosen = which.value;
    const options = Object.keys(MESSAGE).filter((status) => counts[status] || status === chosen);
    const named = options.map((status) => h("option", { value: status }, say("told.with_count", { state: say(`told.${status}`), n: number(counts[status]) })));
    fill(which, h("option", { value: "" }, say("told.everybody")), named);
    which.value = chosen;
  }

  function rowOf(message) {
    const isClient = message.kind === "client";
    const who = isClient ? (message.client_name ?? message.client_id) : (message.recipient ?? say("told.staff"));
    const under = isClient ? message.recipient : say("told.summary");
    const show = h("button", { "aria-label": say("told.show_to", { who }), onclick: () => preview(message, who) }, say("told.show_one"));
    const resend = h("button", { "aria-label": say("told.again_to", { who }), onclick: () => send(message, who, resend) }, say("told.again"));
    return h(
      "li",
      { "data-message": message.id },
      h("div", {}, who, under && h("div", { class: "soft" }, under), message.edition > 1 && h("div", { class: "soft" }, say("told.change"))),
      h("div", {}, h("span", { class: `badge ${MESSAGE[message.status]}` }, say(`told.${message.status}`)), h("div", { class: "soft" }, timeOf(message)), whyOf(message)),
      h("div", { class: "acts" }, isClient && mayAudit(business) && show, message.status !== "pending" && resend),
    );
  }

  function whyOf(message) {
    const why = whyNotTold(message);
    const detail = NOT_REACHED.includes(message.status) || message.tries > 1 ? message.detail : null;
    return [why && h("div", {}, why), detail && h("div", { class: "soft" }, detail)];
  }

  function timeOf({ sent_at: at, due_at: due, status, tries, created_at: made }) {
    if (status === "pending") return say(tries ? "told.tried_again" : "told.at_latest", { at: moment(due, business.timezone) });
    return moment(at ?? made, business.timezone);
  }

  async function send(message, who, button) {
    button.disabled = true;
    error.textContent = "";
    try {
      await post(`${path}/messages/${message.id}/resend`, undefined, { signal });
      announce(say("told.sent_again", { who }));
      drawn = null;
      which.focus(); // the button goes
      await look();
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed.message;
      button.disabled = false;
    }
  }

  async function preview(message, who) {
    error.textContent = "";
    try {
      const asked = () => post(`${path}/messages/preview`, { client_id: message.client_id }, { signal });
      await previewDialog(await patiently(asked, { signal, tries: 3 }), who, signal);
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed.message;
    }
  }

  which.addEventListener("change", () => {
    shown = PAGE;
    look().catch(console.error);
  });
  more.addEventListener("click", () => {
    shown += PAGE;
    look().catch(console.error);
  });
  return {
    element,
    update(job) {
      element.hidden = job.messages === null;
      if (!element.hidden) look().catch(console.error);
    },
  };
}

/** How many were told and how many were not, in a sentence. */
function countsInWords(counts) {
  const not = counts.bounced + counts.failed + counts.suppressed;
  const total = counts.sent + counts.pending + not;
  if (!total) return say("told.nobody");
  const parts = [say("told.count", { n: number(counts.sent) })];
  if (counts.pending) parts.push(say("told.on_way", { n: number(counts.pending) }));
  if (not) parts.push(say("told.not_reached", { n: number(not) }));
  return say("telling.full_stop", { all: parts.join(" · ") });
}

/** A message's words. Its page of HTML has styles of its own, which this page's policy lets no frame have. */
function previewDialog({ subject, text, language }, who, signal) {
  const letter = { class: "letter", tabindex: "0", role: "region", "aria-label": say("telling.message"), lang: language };
  const dialog = h(
    "dialog",
    { class: "wide", "aria-labelledby": "preview-title" },
    h("h2", { id: "preview-title" }, say("told.message_to", { who })),
    h("p", { class: "note" }, say("told.as_now")),
    h("p", {}, h("strong", { lang: language }, subject)),
    h("div", letter, text),
    h("form", { method: "dialog" }, h("div", { class: "toolbar" }, h("button", {}, say("frame.close")))),
  );
  return closed(dialog, signal);
}
