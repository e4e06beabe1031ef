// Above which size a cancellation waits for somebody else's approval: what is in force, the form that sets it, and every version.

import { fill, h, saysLost } from "./dom.js";
import { get, patiently, put } from "./api.js";
import { limitsWords } from "./limit_words.js";
import { field, input, saving, Unfit } from "./setting_form.js";
import { manages, readOnly, settingsNav } from "./settings.js";
import { sheet } from "./sheets.js";
import { asNumber, sumsForm } from "./sums_form.js";
import { say } from "./say/settings.js";
import { versionsPanel } from "./versions.js";

export async function show(main, { business, signal }) {
  document.title = `${say("settings.limits")} · ${business.name}`;
  const waiting = saysLost(main);
  const versions = versionsPanel({ path: "/approval-limits/history", title: say("settings.limits"), none: say("set_limits.nobody"), said: limitsWords, business, signal });
  const asking = () => Promise.all([get("/approval-limits", { signal }), versions.read()]);
  const [[now]] = await Promise.all([patiently(asking, { signal, waiting }), sheet("settings.css")]);
  const words = h("p", {}, limitsWords(now));
  const saved = (limits) => {
    words.textContent = limitsWords(limits);
    patiently(versions.read, { signal }).catch(console.error);
  };
  fill(
    main,
    h("h1", {}, say("settings.limits")),
    settingsNav(business),
    h("p", { class: "note" }, say("set_limits.about")),
    readOnly(business),
    words,
    formPanel(now, { business, signal, saved }),
    versions.element,
  );
}

function formPanel(now, { business, signal, saved }) {
  const money = sumsForm(now.money ?? [], { ownCurrency: business.currency, pointer: "/money", legend: say("set_limits.money"), note: say("set_limits.money_note") });
  const count = (id, value) => input(id, value, { inputmode: "numeric" });
  const inputs = {
    credits: count("credits", now.credits),
    people: count("people", now.people),
    sessions: count("sessions", now.sessions),
    share_of_week_percent: count("share", now.share_of_week_percent),
    within_hours: count("within-hours", now.within_hours),
  };
  const read = ({ value }) => (value.trim() ? asNumber(value.trim()) : null);
  async function save() {
    const { sums, errors } = money.read();
    if (errors.length) throw new Unfit(errors);
    const said = Object.fromEntries(Object.entries(inputs).map(([name, one]) => [name, read(one)]));
    if (said.within_hours === null) delete said.within_hours; // as the service has it
    const limits = await put("/approval-limits", { ...said, money: sums.length ? sums : null }, { signal });
    inputs.within_hours.value = limits.within_hours;
    saved(limits);
  }
  const { element } = saving({
    title: say("set_limits.title"),
    id: "limits-title",
    disabled: !manages(business),
    fields: [
      money.element,
      field(say("set_limits.credits"), inputs.credits, say("set_limits.credits_note")),
      field(say("set_limits.people"), inputs.people),
      field(say("set_limits.sessions"), inputs.sessions),
      field(say("set_limits.share"), inputs.share_of_week_percent, say("set_limits.share_note")),
      field(say("set_limits.hours"), inputs.within_hours, say("set_limits.hours_note")),
    ],
    button: say("settings.save"),
    done: say("set_limits.saved"),
    signal,
    save,
    at: (pointer) => money.fields()[pointer]?.input ?? inputs[pointer?.split("/")[1]],
  });
  return element;
}
