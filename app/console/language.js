// In which language a page speaks: its words, and how days, hours and sums look. English, until a page says otherwise.

import en from "./languages/en.js";
import { formatsIn, number } from "./words.js";

const LANGUAGES = ["en", "fr", "de", "es", "pt", "ja", "ar"];
const RIGHT_TO_LEFT = ["ar"];
const loaded = { en };
let words = en;
let isRightToLeft = false;
let rules = new Intl.PluralRules("en");
let asked = 0;

/** A tag's language, of those that we have words for (`fr-CA` is French); null: none of them. */
export function languageOf(tag) {
  const language = (tag || "").split("-")[0].toLowerCase();
  return LANGUAGES.includes(language) ? language : null;
}

/** Speaks by these words from now on; hours as `hourCycle` (`h12`, `h23`) has them, or null: as the language does. */
export function use(these, tag, hourCycle = null) {
  words = these;
  rules = new Intl.PluralRules(tag);
  isRightToLeft = RIGHT_TO_LEFT.includes(languageOf(tag));
  formatsIn(tag, hourCycle);
}

/** Has the page speak the language of a tag, once its words are there; of two that were asked for, the later. */
export async function speak(tag, hourCycle = null) {
  const mine = ++asked;
  const language = languageOf(tag) ?? "en";
  const known = loaded[language] ?? (await loadedOf(language));
  if (mine !== asked) return;
  use(known, known === en && language !== "en" ? "en" : withTerritory(tag), hourCycle);
  document.documentElement.lang = known === en ? "en" : tag;
  document.documentElement.dir = isRightToLeft ? "rtl" : "ltr";
  document.querySelector(".skip").textContent = say("common.skip");
  dispatchEvent(new Event("spoken"));
}

/** The same in the language of who reads, as long as nobody has said which it is to be. */
export async function speakAsBrowser() {
  const tag = navigator.languages.filter(isTag).find(languageOf);
  if (tag) await speak(tag);
}

/** A tag that names no territory has that of the reader, if they read that language: 7 December, or December 7. */
const withTerritory = (tag) =>
  tag.includes("-") ? tag : (navigator.languages.filter(isTag).find((one) => languageOf(one) === languageOf(tag)) ?? tag);

// Some browsers' "en-US@posix" is none, and `Intl` would refuse it.
const isTag = (tag) => /^[a-z]{2,3}(-[a-z0-9]+)*$/i.test(tag);

/** A phrase, `yours.kept`, with what it names in it. */
export const say = (key, values = {}) => filled(phrase(key), values);

/** A phrase that has a form for so many. */
export function counted(key, count, values = {}) {
  const forms = phrase(key);
  return filled(forms[rules.select(count)] ?? forms.other, { n: number(count), ...values });
}

function phrase(key) {
  const [group, name] = key.split(".");
  return words[group][name];
}

// Names and sums may run the other way than the words around them: they are set apart, where it matters.
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => (isRightToLeft ? `\u2068${values[name]}\u2069` : values[name]));

/** Words that can't be had now: a page in English is better than none. */
async function loadedOf(language) {
  try {
    const module = await import(`./languages/${language}.js`);
    loaded[language] = module.default;
    return module.default;
  } catch (error) {
    console.warn(error);
    return en;
  }
}
