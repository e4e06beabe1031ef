// In which language a page speaks: its words, and how days, hours and sums look. English, until a page says otherwise.

import en from "./languages/en.js";
import { formatsIn, number } from "./words.js";

const LANGUAGES = ["en", "fr", "de", "es", "pt", "ja", "ar"];
const RIGHT_TO_LEFT = ["ar"];
const BY_ITSELF = { en: "en-GB" }; // whose days are read where the reader's browser has none of that language
const areas = new Map([["", { en }]]); // by name, the clients' has none: what was loaded of each language
let words = en;
let spoken = ["en", null]; // the tag and the hours that were asked for last
let isRightToLeft = false;
let rules = new Intl.PluralRules("en");
let asked = 0;

/** A tag's language, of those that we have words for (`fr-CA` is French); null: none of them. */
export function languageOf(tag) {
  const language = (tag || "").split("-")[0].toLowerCase();
  return LANGUAGES.includes(language) ? language : null;
}

/** Takes up words that only some pages have, in English; in another language once it is spoken, or `learned`. */
export function add(area, english) {
  areas.set(area, { en: english });
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
  const known = await loadedOf(language);
  if (mine !== asked) return;
  spoken = [tag, hourCycle];
  use(known ?? inEnglish(), known ? withTerritory(languageOf(tag) ? tag : "en") : "en", hourCycle);
  document.documentElement.lang = known && language !== "en" ? tag : "en";
  document.documentElement.dir = isRightToLeft ? "rtl" : "ltr";
  document.querySelector(".skip").textContent = say("common.skip");
  dispatchEvent(new Event("spoken"));
}

/** Loads the words of modules that have come since the page began to speak. */
export const learned = () => speak(...spoken);

/** The same in the language of who reads, as long as nobody has said which it is to be. */
export async function speakAsBrowser() {
  const tag = navigator.languages.filter(isTag).find(languageOf);
  if (tag) await speak(tag);
}

/** A tag that names no territory has that of the reader, if they read that language: 7 December, or December 7. */
const withTerritory = (tag) =>
  tag.includes("-") ? tag : (navigator.languages.filter(isTag).find((one) => languageOf(one) === languageOf(tag)) ?? BY_ITSELF[tag] ?? tag);

// Some browsers' "en-US@posix" is none, and `Intl` would refuse it.
const isTag = (tag) => /^[a-z]{2,3}(-[a-z0-9]+)*$/i.test(tag);

/** A phrase, `yours.kept`, with what it names in it. */
export const say = (key, values = {}) => filled(phrase(key), values);

/** A phrase that has a form for so many. */
export const counted = (key, count, values = {}) => filled(formOf(key, count), { n: number(count), ...values });

/** A phrase, or the form of one for so many, in parts: text, and in its place what is an element among the values. */
export function parts(key, values, count = null) {
  const text = count === null ? phrase(key) : formOf(key, count);
  const all = count === null ? values : { n: number(count), ...values };
  return text.split(/(\{\w+\})/).filter(Boolean).map((part) => {
    const value = all[/^\{(\w+)\}$/.exec(part)?.[1]];
    if (value === undefined) return part;
    return typeof value === "object" ? value : isolated(value);
  });
}

/** Words that stand alone in one place, as they are within a sentence: nouns of German keep their capitals. */
export const within = (text) => (rules.resolvedOptions().locale.startsWith("de") ? text : `${text.charAt(0).toLowerCase()}${text.slice(1)}`);

/** Those of these words that there are, with this between them; none runs into the next where both run the other way. */
export const joined = (all, between) => all.filter(Boolean).map(isolated).join(between);

function formOf(key, count) {
  const forms = phrase(key);
  return forms[rules.select(count)] ?? forms.other;
}

function phrase(key) {
  const [group, name] = key.split(".");
  return (words[group] ?? inEnglish()[group])[name];
}

// Names and sums may run the other way than the words around them: they are set apart, where it matters.
const isolated = (text) => (isRightToLeft ? `\u2068${text}\u2069` : text);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => isolated(values[name]));

const inEnglish = () => Object.assign({}, ...[...areas.values()].map((one) => one.en));

/** All words of a language; null where some can't be had now: a page in English is better than none, or half of one. */
async function loadedOf(language) {
  try {
    const those = await Promise.all([...areas].map(async ([area, known]) => (known[language] ??= await read(language, area))));
    return Object.assign({}, ...those);
  } catch (error) {
    console.warn(error);
    return null;
  }
}

const read = async (language, area) => (await import(area ? `./languages/${language}/${area}.js` : `./languages/${language}.js`)).default;
