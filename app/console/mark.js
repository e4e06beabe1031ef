// In the navigation: how many bulk cancellations a person has to do something about, by one question to the API.

import { fill, h } from "./dom.js";
import { get } from "./api.js";
import { keepLooking } from "./live.js";
import { say } from "./say/frame.js";

const EVERY_SECONDS = 60;
const MOST = 9; // that are counted
let known = null; // what was seen last, for the next page to begin with

/** Shows the mark at this link until `signal`, for a key that may see bulk cancellations. */
export function showMark(link, business, signal) {
  if (!business.key.scopes.includes("cancellations:read")) return;
  const mark = h("span", { class: "mark", hidden: true });
  link.append(mark);
  const draw = () => {
    mark.hidden = !known?.count;
    if (known?.count) fill(mark, h("span", { class: "badge bad" }, `${known.count}${known.isMore ? "+" : ""}`), h("span", { class: "unseen" }, ` ${say("frame.need_you")}`));
  };
  async function look(options) {
    const { data, next_cursor: cursor } = await get(`/bulk-cancellations?needs_person=true&limit=${MOST}`, options);
    known = { count: data.length, isMore: cursor !== null };
    draw();
  }
  draw();
  let pause = 0; // before the first look
  const seconds = () => {
    const before = pause;
    pause = EVERY_SECONDS;
    return before;
  };
  keepLooking(look, { seconds, signal }).catch(console.error);
}
