// What pages say in each language, those of clients and those of staff: the same phrases, all forms that the language has, and no promise.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import test from "node:test";

Object.defineProperty(globalThis, "navigator", { value: { language: "en-CA" }, configurable: true });
const LANGUAGES = ["en", "fr", "de", "es", "pt", "ja", "ar"];
const AREAS = (await readdir("console/say")).map((name) => name.replace(".js", ""));
// What is the same word in English.
const COGNATES = new Set(
  ("fr frame.pages, fr of_refund.client, fr told.title, fr receipt.client, fr client.title, fr client.id, fr telling.title, fr press.messages, " +
    "fr exceptions.people, fr set_privacy.removed_messages, de set_business.name, de jobs.status, de pick.status, de terms_form.credits, es pick.instructor, es terms_form.no").split(", "),
);
const hasWords = (phrase) => /\p{L}/u.test(JSON.stringify(phrase).replaceAll(/\{\w+\}|"\w+":/g, ""));
const load = async (path) => (await import(path)).default;
const all = async (language) => Object.assign(await load(`./console/languages/${language}.js`), ...(await Promise.all(AREAS.map((area) => load(`./console/languages/${language}/${area}.js`)))));
const words = Object.fromEntries(await Promise.all(LANGUAGES.map(async (one) => [one, await all(one)])));
const { counted, languageOf, parts, say, use, within } = await import("./console/language.js");
const { lineWords, headline } = await import("./console/yours_words.js");
const { times, money, when } = await import("./console/words.js");
const states = await import("./console/states.js");
const { RISKS, riskWords } = await import("./console/check_words.js");
const { causeOf } = await import("./console/causes.js");
const { headline: jobHeadline } = await import("./console/job_words.js");
const { sentence } = await import("./console/terms_words.js");
const { KEY, mayWords, ROLE, scopeWords } = await import("./console/access_words.js");
const { DELIVERY, deliveryWords, ENDPOINT, EVENTS, eventWords, stateWord, whyDisabled } = await import("./console/webhook_words.js");
const modules = (await readdir("console")).filter((name) => name.endsWith(".js"));
const source = (await Promise.all(modules.map((name) => readFile(`console/${name}`, "utf-8")))).join("\n");

const names = (phrase) => [...phrase.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).filter((name) => name !== "n").sort();
const phrases = (language) => Object.entries(words[language]).flatMap(([group, those]) => Object.entries(those).map(([name, phrase]) => [`${group}.${name}`, phrase]));

test("every phrase is said by some module, and none is said that is not there", () => {
  const keys = new Set(phrases("en").map(([key]) => key));
  const groups = Object.keys(words.en).join("|");
  const plain = new Set([...source.matchAll(new RegExp(`"((?:${groups})\\.(?!js|css)\\w+)"(?!:)`, "g"))].map(([, key]) => key).filter((key) => !EVENTS.includes(key)));
  const templates = [...source.matchAll(new RegExp(`\`((?:${groups})\\.[^\`]*)\``, "g"))].map(([, key]) => key);
  const patterns = templates.map((key) => new RegExp(`^${key.replaceAll(/\$\{[^}]*\}/g, "\\w*").replace(".", "\\.")}$`));
  const tokens = new Set(source.match(/[a-z0-9]+(?:_[a-z0-9]+)*/gi));
  // What a template makes of a key is made of words that are there.
  const isMade = (name) => tokens.has(name) || [...name.matchAll(/_/g)].some(({ index }) => tokens.has(name.slice(0, index)) && isMade(name.slice(index + 1)));
  const isSaid = (key) => plain.has(key) || (patterns.some((one) => one.test(key)) && isMade(key.split(".")[1]));
  assert.deepEqual([...plain].filter((key) => !keys.has(key)), []);
  assert.deepEqual([...keys].filter((key) => !isSaid(key)), []);
  for (const one of patterns) assert.ok([...keys].some((key) => one.test(key)), `${one}`);
});

for (const language of LANGUAGES) {
  test(`${language} has each phrase, with what it names, in each form that it has`, () => {
    const english = new Map(phrases("en"));
    assert.deepEqual(phrases(language).map(([key]) => key), [...english.keys()]);
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, phrase] of phrases(language)) {
      const wanted = english.get(key);
      if (typeof wanted === "string") {
        assert.deepEqual(names(phrase), names(wanted), `${language} ${key}`);
      } else {
        assert.deepEqual(new Set(Object.keys(phrase)), new Set([...forms, "other"]), `${language} ${key}`);
        for (const form of Object.values(phrase)) assert.deepEqual(names(form), names(wanted.other), `${language} ${key}`);
      }
      if (language !== "en" && key !== "week.elsewhere" && hasWords(wanted) && !COGNATES.has(`${language} ${key}`)) assert.notDeepEqual(phrase, wanted, `${language} ${key} is English`);
    }
  });

  test(`${language} says each state of each way, and what is not confirmed otherwise than what is`, () => {
    use(words[language], language);
    const line = { amount: { currency: "EUR", amount_minor: 2000 }, credits: 0, bonus: null, kept_amount: null, kept_credits: 0, at: null, expires_after: null, choose_until: null };
    const ways = ["original", "void", "store_credit", "goodwill"].map((form) => ({ method: "payment", form })).concat({ method: "credit", form: "original", amount: null, credits: 11 });
    for (const way of ways) {
      const said = (state) => lineWords({ ...line, ...way, state }, "Harbour", String).sentence;
      const sentences = ["returned", "under_way", "with_a_person", "elsewhere", "kept"].map(said);
      assert.equal(new Set(sentences).size, 5);
      for (const sentence of sentences) assert.doesNotMatch(sentence, /undefined|[{}]/);
    }
    assert.ok(headline({ is_prepared: true, sessions: [] }));
  });
}

const nothingLeft = (said) => assert.doesNotMatch(said, /undefined|\[object|[{}]/);

for (const language of LANGUAGES) {
  test(`${language} says each state, risk, cause, warning and sentence of staff's pages, with all that they name`, () => {
    use(words[language], language);
    const jobs = Object.keys(states.JOB);
    const said = jobs.flatMap((job) => [states.jobWord(job), states.acceptedWords(job), states.owedWords(job), states.sessionsWords(job, 3)]);
    said.push(...Object.keys(states.REFUND).map((status) => states.refundWord(status)));
    const risk = { client_name: "Kim Li", session_name: "Yoga", currency: "CAD", amount_minor: 2000, needed_minor: 4000, remaining_minor: 1500 };
    said.push(...RISKS.flatMap((code) => riskWords({ ...risk, code })));
    const codes = [...source.match(/const CAUSES = \{.*?\n\};/s)[0].matchAll(/^ {2}(\w+):/gm)].map(([, code]) => code);
    const causes = [...codes, "no_such_code", null].map((failure_code) => causeOf({ status: "rejected", failure_code }));
    assert.ok(causes.length > 20);
    said.push(...causes.flatMap(({ name, next }) => [name, next]));
    const sums = { amounts: [{ currency: "CAD", amount_minor: 130_000 }], credits: 12 };
    const job = (status) => ({ status, session_counts: { accepted: 3 }, totals: { ...sums, clients: 40, goodwill: { grants: 0 } }, refunds: { succeeded: sums } });
    const people = { clients: 40, returned: 30, under_way: 7, need_a_person: 3, nothing_to_return: 0 };
    const headlines = jobs.map((status) => jobHeadline(job(status), people));
    assert.ok(headlines.slice(1, -2).every((one) => one.includes("40") && one.includes(money(sums.amounts[0]))), headlines);
    said.push(...headlines);
    const terms = { payments: { return_as: "original", keep: { percent: 10, fixed: [{ currency: "CAD", amount_minor: 500 }], per: "booking" }, fallback: ["store_credit", "person"] } };
    const others = { credits: { return: true, valid_for_days: 30 }, fees: { late_cancelled: "return", no_show: "keep" }, goodwill: { credits: 1, per: "client", for: ["paid", "free"], valid_for_days: 2 } };
    said.push(sentence({ ...terms, ...others, choice: { default: "original", within_hours: 72, bonus_percent: 5 } }));
    said.push(...Object.keys(KEY).map((status) => say(`key_state.${status}`)), ...ROLE.owner.map(scopeWords), ...Object.keys(ROLE).map((role) => mayWords({ role })));
    said.push(...EVENTS.map(eventWords), ...[...Object.keys(ENDPOINT), ...Object.keys(DELIVERY)].map(stateWord));
    said.push(...["gone", "failing"].map((why) => whyDisabled({ disabled_because: why })));
    said.push(deliveryWords({ attempts: [{ status_code: 500, milliseconds: 3 }, { status_code: null, error: "tls" }], next_attempt_at: "x" }, String));
    for (const one of said) nothingLeft(one);
  });
}

test("what stands in a phrase as an element stays one, and its text is set apart where it runs the other way", () => {
  const how = { element: true };
  use(words.en, "en");
  assert.deepEqual(parts("calendar.none", { how }), ["No session is on this week. Look at another week, or bring sessions in: ", how, "."]);
  assert.deepEqual(parts("undo.left", { left: how }, 1), ["1", " session cancelled. You can undo it for ", how, "."]);
  use(words.ar, "ar");
  assert.deepEqual(parts("plan.keeps", { kept: "5" }).at(-2), "\u20685\u2069");
});

test("a word within a sentence begins small, but for nouns of German", () => {
  use(words.en, "en");
  assert.equal(within("On hold"), "on hold");
  use(words.de, "de");
  assert.equal(within("Gebühr"), "Gebühr");
});

test("a page whose words are not there yet says them in English, and never nothing", () => {
  use({ common: words.de.common }, "de");
  assert.equal(say("frame.settings"), "Settings");
});

test("a tag speaks its language, with its territory's sums, and hours as the business has them", () => {
  assert.deepEqual(["fr-CA", "AR", "ca", "", null].map(languageOf), ["fr", "ar", null, null, null]);
  const session = { business_starts_local: "2026-12-07T18:00:00", business_ends_local: "2026-12-07T19:00:00" };
  use(words.fr, "fr-CA");
  assert.equal(money({ currency: "CAD", amount_minor: 2000 }), "20,00\u00a0$");
  use(words.fr, "fr");
  assert.match(when(session), /7 déc\. 2026, 18:00/);
  assert.match(times(session), /18:00/);
  use(words.fr, "fr", "h12");
  assert.match(times(session), /0?6:00.*7:00/);
  use(words.en, "en-GB", "h23");
  assert.match(times(session), /18:00/);
});

test("Arabic has its six forms, digits as mails have them, and sets apart what runs the other way", () => {
  use(words.ar, "ar");
  assert.deepEqual([1, 2, 3, 11, 100].map((count) => counted("common.credits", count).replace(/[\u2068\u2069]/g, "")), ["رصيد واحد", "رصيدان", "3 أرصدة", "11 رصيدًا", "100 رصيد"]);
  assert.equal(say("choose.has_cancelled", { business: "Harbour (Yoga)" }), "ألغى \u2068Harbour (Yoga)\u2069:");
  assert.equal(money({ currency: "CAD", amount_minor: 2000 }), "\u206620.00\u00a0CA$\u2069");
  use(words.en, "en");
  assert.equal(say("choose.has_cancelled", { business: "Harbour" }), "Harbour has cancelled:");
});
