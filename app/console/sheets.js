// Sheets of styles that only some pages have: fetched where they are wanted, so that the first page stays small.

import { h } from "./dom.js";

/** Waits until this sheet is in force; without it a page is plain, and works. */
export function sheet(name) {
  const { href } = new URL(name, import.meta.url);
  if (document.head.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((resolve) => document.head.append(h("link", { rel: "stylesheet", href, onload: resolve, onerror: resolve })));
}
