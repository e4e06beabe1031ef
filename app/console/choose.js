// A client chooses in which form their money comes back. The link alone says whose it is: the page's own path holds it.

import { announce, fill, h, showTestMode, showWaits } from "./dom.js";
import { get, isPassing, patiently, post, Refused } from "./api.js";
import { money, moment, when } from "./words.js";

const main = document.getElementById("main");
const bar = document.getElementById("bar");
const path = `/choices/${location.pathname.split("/")[2]}`;
const BACK = { original: "the way you paid", store_credit: "as store credit" };
const TITLE = { original: "The way you paid", store_credit: "Store credit" };

const sums = (amounts) => amounts.map(money).join(" + ");

/** What a form comes to in all: what was paid, and what is on top. */
function whole({ amounts, bonus }) {
  const onTop = Object.fromEntries(bonus.map((one) => [one.currency, one.amount_minor]));
  return sums(amounts.map(({ currency, amount_minor: paid }) => ({ currency, amount_minor: paid + (onTop[currency] ?? 0) })));
}

async function read() {
  const lost = h("p", { class: "note warning", role: "status" }, "The service can't be reached. Trying again…");
  const choice = await patiently(() => get(path), { waiting: () => lost.isConnected || fill(main, lost) });
  show(choice);
  return choice;
}

function show(choice) {
  document.title = `Your choice · ${choice.business}`;
  fill(bar, h("span", { class: "brand" }, choice.business));
  const all = h("p", {}, h("a", { href: `/yours/${location.pathname.split("/")[2]}` }, "See all that comes back to you"));
  fill(main, h("div", { class: "own-choice" }, STATES[choice.status](choice), choice.status !== "waiting" && all));
}

const STATES = {
  waiting: () => [
    h("h1", {}, "There is nothing to choose yet"),
    h("p", {}, "The cancellation is being prepared. Look again in a little while."),
    h("button", { onclick: () => void read().catch(failed) }, "Look again"),
  ],
  open: (choice) => [
    h("h1", {}, "Choose how your money comes back"),
    ...classes(choice),
    h("p", {}, `You can choose until ${moment(choice.until, choice.timezone)}. If you don't, it comes back ${BACK[choice.default]} by itself.`),
    h("div", { class: "offers" }, choice.offer.map((one) => panel(one, choice))),
    h("p", { class: "note" }, "A choice holds for all of it, and can't be changed afterwards."),
    h("p", { id: "trouble", class: "trouble", role: "alert" }),
  ],
  chosen: (choice) => [
    h("h1", {}, "It is chosen"),
    h("p", { class: "flash" }, `You get ${whole(offered(choice))} ${BACK[choice.form]}.`),
    onTop(offered(choice)),
    h("p", {}, CONSEQUENCES[choice.form](choice)),
    ...classes(choice),
  ],
  over: (choice) => [
    h("h1", {}, "The time to choose is over"),
    h("p", {}, `Nothing was chosen until ${moment(choice.until, choice.timezone)}: ${sums(offered(choice).amounts)} comes back ${BACK[choice.form]}.`),
    ...classes(choice),
  ],
};

const offered = ({ offer, form }) => offer.find((one) => one.form === form);

const CONSEQUENCES = {
  original: () => "It goes back to the card or account that you paid with. Your bank may take some days to show it.",
  store_credit: ({ business }) => `It is kept for you at ${business}, to pay for other classes. It can't be turned into money here.`,
};

const onTop = ({ amounts, bonus }) =>
  bonus.length > 0 && h("p", { class: "soft" }, `${sums(amounts)} that you paid, and ${sums(bonus)} on top.`);

const classes = ({ sessions, business }) => [
  h("p", { id: "classes" }, `${business} has cancelled:`),
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
  const label = one.form === "original" ? `Return ${whole(one)}` : `Take ${whole(one)} as store credit`;
  return h(
    "section",
    { class: "panel", "aria-labelledby": id },
    h("h2", { id }, TITLE[one.form]),
    h("p", { class: "sum" }, whole(one)),
    onTop(one),
    h("p", {}, CONSEQUENCES[one.form](choice)),
    h("button", { class: "primary", onclick: () => void choose(one.form) }, label),
  );
}

let isChoosing = false;

async function choose(form) {
  if (isChoosing) return;
  isChoosing = true;
  try {
    // Said again where nobody knows whether it was heard: the same choice again changes nothing.
    show(await patiently(() => post(path, { form }), { waiting: () => say("The service can't be reached. Trying again…") }));
    told();
  } catch (error) {
    if (error.status === 409) {
      await read().then(told, failed);
    } else {
      say(error.message);
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

const say = (words) => (document.getElementById("trouble").textContent = words);

function failed(error) {
  if (!(error instanceof Refused)) console.error(error);
  document.title = "Nothing to choose";
  const isUnknown = error.status === 404;
  fill(
    main,
    h("h1", {}, isUnknown ? "There is nothing to choose here" : "That did not work"),
    h("p", { role: "alert" }, isUnknown ? "The link is not whole, or the cancellation was taken back. Ask whoever sent it to you." : error.message),
  );
}

showTestMode();
showWaits();
read().catch(failed);
