// Every version that there was of a setting, with who set it and when: the newest first, a page at a time.

import { fill, h, table } from "./dom.js";
import { get, patiently, withQuery } from "./api.js";
import { say } from "./say/settings.js";
import { moment } from "./words.js";

const PAGE = 50;

/** The panel, and `read()`, which shows the newest; `said(version)` is what one says, `none` what stands there without any. */
export function versionsPanel({ path, title, none, said, business, signal }) {
  const body = h("tbody");
  const more = h("button", { hidden: true }, say("versions.more"));
  const nobody = h("p", { class: "note" }, none);
  const element = h(
    "section",
    { class: "panel", "aria-labelledby": "history-title" },
    h("h2", { id: "history-title" }, say("versions.history")),
    table([say("versions.who"), title], body, "history-title"),
    nobody,
    more,
  );
  let next = null;

  async function page(cursor) {
    const { data, next_cursor: following } = await get(withQuery(path, { limit: PAGE, cursor }), { signal });
    next = following;
    more.hidden = next === null;
    return data.map(rowOf);
  }

  const rowOf = (one) => h("tr", {}, h("td", {}, moment(one.set_at, business.timezone), h("br"), one.set_by.replace(/^key:/, "")), h("td", {}, said(one)));

  async function read() {
    const rows = await page(null);
    nobody.hidden = rows.length > 0;
    fill(body, rows);
  }

  more.addEventListener("click", () => {
    patiently(async () => body.append(...(await page(next))), { signal }).catch(console.error);
  });
  return { element, read };
}
