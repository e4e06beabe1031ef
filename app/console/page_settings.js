// What a studio says of its own page: its colour, its logo, and the sites that show its schedule.

import { fill, h, saysLost } from "./dom.js";
import { get, patch, patiently } from "./api.js";
import { showBrand } from "./brand.js";
import { ROOT } from "./root.js";
import { field, input, saving } from "./setting_form.js";
import { manages, readOnly, settingsNav } from "./settings.js";
import { parts, say } from "./say/settings.js";
import { sheet } from "./sheets.js";

const OURS = "#0b5c55"; // what the field begins with: the service's own
const BASE64 = /^data:[^,]*,/;

export async function show(main, { business, signal }) {
  document.title = `${say("settings.page")} · ${business.name}`;
  const waiting = saysLost(main);
  const [now] = await Promise.all([patiently(() => get("/public-page", { signal }), { signal, waiting }), sheet("settings.css"), sheet("client.css")]);
  fill(
    main,
    h("h1", {}, say("settings.page")),
    settingsNav(business),
    h("p", { class: "note" }, parts("set_page.about", { schedule: h("a", { href: now.path, target: "_blank" }, say("set_page.schedule")) })),
    readOnly(business),
    lookPanel(now, { business, signal }),
    sitesPanel(now, { business, signal }),
  );
}

function lookPanel(now, { business, signal }) {
  const preview = h("div", { class: "bar preview", "aria-label": say("set_page.bar"), role: "group" });
  const has = h("input", { type: "checkbox", id: "has-colour", checked: now.colour !== null });
  const colour = input("colour", now.colour ?? OURS, { type: "color" });
  const picture = input("logo", null, { type: "file", accept: "image/png,image/jpeg,image/webp" });
  const none = h("input", { type: "checkbox", id: "no-logo" });
  const without = h("label", { class: "choice" }, none, say("set_page.no_logo"));
  function draw(said) {
    showBrand(preview, business.name, said);
    without.hidden = said.logo === null;
  }
  async function save() {
    const changes = { colour: has.checked ? colour.value : null };
    if (none.checked) changes.logo = null;
    else if (picture.files.length) changes.logo = await base64(picture.files[0]);
    const said = await patch("/public-page", changes, { signal });
    picture.value = "";
    none.checked = false;
    draw(said);
  }
  colour.addEventListener("input", () => (has.checked = true));
  const { element } = saving({
    title: say("set_page.title"),
    id: "look-title",
    disabled: !manages(business),
    fields: [
      preview,
      h("label", { class: "choice" }, has, say("set_page.own_colour")),
      field(say("set_page.colour"), colour, say("set_page.colour_note")),
      field(say("set_page.logo"), picture, say("set_page.logo_note")),
      without,
    ],
    button: say("settings.save"),
    done: say("set_page.saved"),
    signal,
    save,
    inputs: { colour, logo: picture },
  });
  draw(now);
  return element;
}

function sitesPanel(now, { business, signal }) {
  const origins = h("textarea", { id: "origins", rows: 3, spellcheck: "false", inputmode: "url", value: now.origins.join("\n") });
  const callers = h("textarea", { id: "api-origins", rows: 2, spellcheck: "false", inputmode: "url", value: now.api_origins.join("\n") });
  const line = h("textarea", { id: "line", rows: 3, readonly: true, spellcheck: "false", value: widget(business), onfocus: () => line.select() });
  async function save() {
    const said = await patch("/public-page", { origins: listed(origins), api_origins: listed(callers) }, { signal });
    origins.value = said.origins.join("\n");
    callers.value = said.api_origins.join("\n");
  }
  const { element } = saving({
    title: say("set_page.sites"),
    id: "sites-title",
    disabled: !manages(business),
    fields: [
      field(say("set_page.origins"), origins, say("set_page.origins_note")),
      field(say("set_page.callers"), callers, say("set_page.callers_note")),
      field(say("set_page.line"), line, say("set_page.line_note")),
    ],
    button: say("set_page.save_sites"),
    done: say("set_page.sites_saved"),
    signal,
    save,
    inputs: { origins, api_origins: callers },
  });
  return element;
}

const listed = ({ value }) => value.split(/[\s,]+/).filter(Boolean);

/** The line of HTML that a site has. */
export function widget({ id, name }, origin = location.origin + ROOT) {
  const title = say("set_page.frame_title", { business: name }).replaceAll(/[\u2068\u2069]/g, "").replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  return `<iframe src="${origin}/embed/${encodeURIComponent(id)}" title="${title}" loading="lazy" style="width:100%;height:40rem;border:0"></iframe>`;
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.replace(BASE64, "")));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}
