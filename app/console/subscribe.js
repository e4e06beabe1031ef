// How a client has a studio's schedule in a calendar of their own, each program by its own name.

import { h } from "./dom.js";
import { say } from "./language.js";

/** Where to, for a feed's https address: by program, as their makers' pages take such an address. */
export function calendars(feed, name) {
  const webcal = feed.replace(/^https?:/, "webcal:");
  const query = new URLSearchParams({ url: feed, name });
  return [
    [say("schedule.apple"), webcal],
    ["Google Calendar", `https://calendar.google.com/calendar/r?${new URLSearchParams({ cid: webcal })}`],
    ["Outlook.com", `https://outlook.live.com/calendar/0/addfromweb?${query}`],
    [say("schedule.outlook_work"), `https://outlook.office.com/calendar/0/addfromweb?${query}`],
  ];
}

/** A button that opens the ways to subscribe. */
export function subscribe(feed, name) {
  const link = ([words, href]) => h("li", {}, h("a", href.startsWith("webcal:") ? { href } : { href, target: "_blank", rel: "noopener noreferrer" }, words));
  const address = h("input", { id: "feed", readonly: true, value: feed, onfocus: (event) => event.target.select() });
  return h(
    "details",
    { class: "subscribe end" },
    h("summary", { class: "button" }, say("schedule.subscribe")),
    h(
      "div",
      { class: "panel" },
      h("p", {}, say("schedule.kept_up")),
      h("ul", {}, calendars(feed, name).map(link)),
      h("div", { class: "field" }, h("label", { for: "feed" }, say("schedule.any_program")), address),
      h("p", { class: "note" }, say("schedule.own_time")),
    ),
  );
}
