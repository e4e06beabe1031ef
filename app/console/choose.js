// A client chooses in which form their money comes back. The link alone says whose it is: the page's own path holds it.

import { announce, fill, h, saysLost } from "./dom.js";
import { get, isPassing, patiently, post, Refused } from "./api.js";
import { begin } from "./client_page.js";
import { say, speak } from "./language.js";
import { here } from "./root.js";
import { money, moment, when } from "./words.js";

const main = document.getElementById("main");
const bar = document.getElementById("bar");
const path = `/choices/${here().split("/")[2]}`;
const back = (form) => say(`common.${form}`);

const sums = (amounts) => amounts.map(money).join(" + ");

/** What a form comes to in all: what was paid, and what is on top. */
function whole({ amounts, bonus }) {
  const onTop = Object.fromEntries(bonus.map((one) => [one.currency, one.amount_minor]));
  return sums(amounts.map(({ currency, amount_minor: paid }) => ({ currency, amount_minor: paid + (onTop[currency] ?? 0) })));
}

async function read() {
  const choice = await patiently(() => get(path), { waiting: saysLost(main) });
  await show(choice);
}

async function show(choice) {
  await speak(choice.language, choice.hour_cycle);
  document.title = `${say("choose.title")} · ${choice.business}`;
  fill(bar, h("span", { class: "brand" }, choice.business));
  const all = h("p", {}, h("a", { href: `/yours/${here().split("/")[2]}` }, say("choose.see_all")));
  fill(main, h("div", { class: "own-choice" }, STATES[choice.status](choice), choice.status !== "waiting" && all));
}

const STATES = {
  waiting: () => [
    h("h1", {}, say("choose.not_yet")),
    h("p", {}, say("choose.preparing")),
    h("button", { onclick: () => void read().catch(failed) }, say("choose.look_again")),
  ],
  open: (choice) => [
    h("h1", {}, say("choose.heading")),
    ...classes(choice),
    h("p", {}, say("choose.until", { at: moment(choice.until, choice.timezone), form: back(choice.default) })),
    h("div", { class: "offers" }, choice.offer.map((one) => panel(one, choice))),
    h("p", { class: "note" }, say("choose.for_good")),
    h("p", { id: "trouble", class: "trouble", role: "alert" }),
  ],
  chosen: (choice) => [
    h("h1", {}, say("choose.chosen")),
    h("p", { class: "flash" }, say("choose.you_get", { sum: whole(offered(choice)), form: back(choice.form) })),
    onTop(offered(choice)),
    h("p", {}, meaning(choice.form, choice)),
    ...classes(choice),
  ],
  over: (choice) => [
    h("h1", {}, say("choose.over")),
    h("p", {}, say("choose.was_over", { at: moment(choice.until, choice.timezone), sum: sums(offered(choice).amounts), form: back(choice.form) })),
    ...classes(choice),
  ],
};

const offered = ({ offer, form }) => offer.find((one) => one.form === form);

const meaning = (form, { business }) => say(`choose.means_${form}`, { business });

const onTop = ({ amounts, bonus }) =>
  bonus.length > 0 && h("p", { class: "soft" }, say("choose.on_top", { paid: sums(amounts), bonus: sums(bonus) }));

const classes = ({ sessions, business }) => [
  h("p", { id: "classes" }, say("choose.has_cancelled", { business })),
  h(
    "ul",
    { class: "classes", "aria-labelledby": "classes" },
    sessions.map(({ name, starts_local: starts }) =>
      h("li", {}, h("strong", {}, name), ` · ${when({ business_starts_local: starts })}`),
    ),
  ),
];

function panel(one, choice) {
  const id = `form-${one.form}`;
  return h(
    "section",
    { class: "panel", "aria-labelledby": id },
    h("h2", { id }, say(`choose.${one.form}`)),
    h("p", { class: "sum" }, whole(one)),
    onTop(one),
    h("p", {}, meaning(one.form, choice)),
    h("button", { class: "primary", onclick: () => void choose(one.form) }, say(`choose.take_${one.form}`, { sum: whole(one) })),
  );
}

let isChoosing = false;

async function choose(form) {
  if (isChoosing) return;
  isChoosing = true;
  try {
    // Said again where nobody knows whether it was heard: the same choice again changes nothing.
    await show(await patiently(() => post(path, { form }), { waiting: () => trouble(say("common.lost")) }));
    told();
  } catch (error) {
    if (error.status === 409) {
      await read().then(told, failed);
    } else {
      trouble(say(isPassing(error) ? "common.lost" : "common.later"));
      if (!(error instanceof Refused || isPassing(error))) throw error;
    }
  } finally {
    isChoosing = false;
  }
}

function told() {
  main.focus();
  announce(main.querySelector("h1").textContent);
}

const trouble = (words) => (document.getElementById("trouble").textContent = words);

const failed = begin(main, read, { title: "choose.nothing_title", heading: "choose.nothing", advice: "common.not_whole" });
