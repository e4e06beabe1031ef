// A studio's own look on the pages that its clients see: its name, its logo and its colour.

import { fill, h } from "./dom.js";

const PLAIN = { colour: null, on_colour: null, logo: null };

/** Fills a page's bar with who the studio is. Styles are set one by one: the policy lets no markup have any. */
export function showBrand(bar, name, { colour, on_colour: on, logo } = PLAIN) {
  bar.classList.toggle("branded", colour !== null);
  bar.style.setProperty("--studio", colour);
  bar.style.setProperty("--on-studio", on);
  const brand = bar.querySelector(".brand");
  if (brand?.textContent === name && brand.dataset.logo === String(logo)) return; // a logo that is there does not blink
  fill(bar, h("span", { class: "brand", "data-logo": String(logo) }, logo && h("img", { class: "logo", src: logo, alt: "" }), name));
}
