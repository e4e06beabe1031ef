// What clients' pages say in each language: the same phrases, all forms that the language has, and no promise.
import assert from "node:assert/strict";
import test from "node:test";

Object.defineProperty(globalThis, "navigator", { value: { language: "en-CA" }, configurable: true });
const LANGUAGES = ["en", "fr", "de", "es", "pt", "ja", "ar"];
const words = Object.fromEntries(await Promise.all(LANGUAGES.map(async (one) => [one, (await import(`./console/languages/${one}.js`)).default])));
const { counted, languageOf, say, use } = await import("./console/language.js");
const { lineWords, headline } = await import("./console/yours_words.js");
const { times, money, when } = await import("./console/words.js");

const names = (phrase) => [...phrase.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).filter((name) => name !== "n").sort();
const phrases = (language) => Object.entries(words[language]).flatMap(([group, those]) => Object.entries(those).map(([name, phrase]) => [`${group}.${name}`, phrase]));

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
      if (language !== "en" && key !== "week.elsewhere") assert.notDeepEqual(phrase, wanted, `${language} ${key} is English`);
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
