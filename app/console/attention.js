// The refunds that no machine can go on with, as a list of what a person has to do: by what stands in their way, with whom
// it concerns, and the next step of each.

import { fill, h } from "./dom.js";
import { get, isPassing, post, Refused, withQuery } from "./api.js";
import { byCause, retriable } from "./causes.js";
import { actorWords, clientWords, stateWords, sumWords } from "./refund_words.js";
import { resolveDialog } from "./resolve.js";
import { joined } from "./language.js";
import { elsewhere } from "./said.js";
import { counted, say } from "./say/job.js";
import { moment, number, when } from "./words.js";

const PAGE = 100;
const NEED = ["rejected", "indeterminate", "processing", "resolved"];

const mayAct = (business) => business.key.scopes.includes("cancellations:write");

/** The panel, and above it what came of an action; `acted(job)` is given the job as it stands after one. */
export function attention({ path, business, signal, acted }) {
  const said = h("p", { class: "flash", role: "status", tabindex: "-1", hidden: true });
  const title = h("h2", { id: "attention-title" }, say("needs.title"));
  const note = h("p", { class: "note" });
  const error = h("p", { class: "error", role: "alert" });
  const all = h("button", { onclick: () => tryAgain(all, undefined) }, say("needs.all"));
  const groups = h("div");
  const more = h("button", { hidden: true }, say("frame.show_more"));
  const section = h("section", { class: "panel needs", "aria-labelledby": "attention-title", hidden: true }, title, note, h("div", { class: "toolbar" }, all), error, groups, more);
  let drawn = null;
  let draws = 0;
  let shown = PAGE;

  async function draw() {
    const mine = (draws += 1);
    try {
      const found = [];
      let cursor = null;
      do {
        const page = await get(withQuery(`${path}/outstanding`, { limit: PAGE, cursor }), { signal });
        found.push(...page.data);
        cursor = page.next_cursor;
      } while (cursor && found.length < shown);
      if (mine === draws) show(found, cursor !== null); // else a later one knows more
    } catch (failed) {
      if (!signal.aborted && !isPassing(failed)) throw failed;
      drawn = null;
    }
  }

  function show(refunds, isMore) {
    const people = new Set(refunds.map((one) => one.client_id)).size;
    const isAmongThem = section.contains(document.activeElement);
    section.hidden = !refunds.length;
    more.hidden = !isMore;
    note.textContent = counted(isMore ? "needs.first" : "needs.note", refunds.length, { people: counted("count.people", people) });
    const plain = byCause(refunds).filter(({ cause }) => cause.canRetry && !cause.namedOnly);
    all.hidden = !mayAct(business) || plain.length < 2; // of one cause alone its own button does it
    fill(groups, byCause(refunds).map(groupOf));
    if (isAmongThem && !section.contains(document.activeElement) && !said.hidden) said.focus();
  }

  function groupOf({ cause, refunds }, place) {
    const id = `cause-${place}`;
    const ids = retriable(refunds).map((one) => one.id);
    const again = h("button", { onclick: () => tryAgain(again, { refund_ids: ids }) }, say("needs.again_these", { n: number(ids.length) }));
    const resolve = h("button", { onclick: () => close(refunds) }, say("needs.resolve_these", { n: number(refunds.length) }));
    const acts = mayAct(business) && refunds.length > 1 && h("div", { class: "toolbar" }, ids.length > 1 && again, resolve);
    return h(
      "section",
      { class: "cause", "aria-labelledby": id, "data-cause": cause.code ?? "" },
      h("h3", { id }, say("needs.group", { cause: cause.name, n: number(refunds.length) })),
      h("p", {}, cause.next),
      acts,
      h("ul", { class: "todo" }, refunds.map((one) => rowOf(one, cause))),
    );
  }

  function rowOf(refund, cause) {
    const { client, session } = refund;
    const what = sumWords(refund);
    const who = clientWords(client);
    const named = say("needs.to_session", { what, who, session: session.name });
    const again = h("button", { "aria-label": say("needs.again_of", { what: named }), onclick: () => tryAgain(again, { refund_ids: [refund.id] }) }, say("needs.again"));
    const resolve = h("button", { "aria-label": say("needs.resolve_of", { what: named }), onclick: () => close([refund]) }, say("needs.resolve"));
    return h(
      "li",
      { "data-refund": refund.id, "data-booking": refund.booking_id },
      h("div", {}, h("strong", {}, who), client.email && h("div", {}, h("a", { href: `mailto:${encodeURIComponent(client.email).replace("%40", "@")}` }, client.email))),
      h("div", {}, session.name, h("div", { class: "soft" }, joined([when(session), elsewhere(session)], " · "))),
      h("div", {}, h("strong", { class: "sum-of" }, what), refund.failure_detail && h("div", { class: "soft" }, refund.failure_detail), past(refund)),
      mayAct(business) && h("div", { class: "acts" }, cause.canRetry && again, resolve),
    );
  }

  /** What was tried, read when it is opened. */
  function past(refund) {
    const list = h("ul", { class: "soft" });
    const element = h("details", { class: "past" }, h("summary", { "aria-label": say("needs.tried_for", { who: clientWords(refund.client), session: refund.session.name }) }, say("needs.tried")), list);
    element.addEventListener("toggle", async () => {
      if (!element.open || list.childElementCount) return;
      try {
        const { history } = await get(`${path}/refunds/${refund.id}`, { signal });
        const lines = history.map((state) => say("needs.tried_line", { at: moment(state.recorded_at, business.timezone), state: stateWords(state, refund.currency), who: actorWords(state.actor) }));
        fill(list, [...lines, say("needs.references", { booking: refund.booking_id, id: refund.id })].map((words) => h("li", {}, words)));
      } catch (failed) {
        if (signal.aborted) return;
        if (!(failed instanceof Refused || isPassing(failed))) throw failed;
        fill(list, h("li", {}, failed.message));
      }
    });
    return element;
  }

  function tell(words) {
    said.textContent = words;
    said.hidden = false;
  }

  async function close(refunds) {
    const closed = await resolveDialog(refunds, { path, signal });
    if (!closed || signal.aborted) return;
    tell(counted("needs.resolved", closed));
    said.focus(); // the button that had the focus goes
    acted(await get(path, { signal }));
  }

  async function tryAgain(button, which) {
    button.disabled = true;
    error.textContent = "";
    try {
      const job = await post(`${path}/retry`, which, { signal });
      tell(job.retried ? counted("needs.under_way", job.retried) : say("needs.none"));
      said.focus();
      acted(job);
    } catch (failed) {
      if (signal.aborted) return;
      if (!(failed instanceof Refused || isPassing(failed))) throw failed;
      error.textContent = failed.message;
    }
    button.disabled = false;
  }

  more.addEventListener("click", () => {
    shown += PAGE;
    draw();
  });
  return {
    element: h("div", {}, said, section),
    update(job) {
      const state = [job.status, ...NEED.map((status) => job.refunds[status].count)].join();
      if (state === drawn) return;
      drawn = state;
      if (NEED.slice(0, -1).some((status) => job.refunds[status].count)) draw();
      else show([], false);
    },
  };
}
