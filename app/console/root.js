// Where this service is: a proxy may have it under a prefix of a site, and all addresses of ours begin with that.

/** The prefix, which the page came with; empty where there is none. */
export const ROOT = globalThis.document?.querySelector('meta[name="bulk-cancel-root"]')?.content ?? "";

/** An address from its path; one that the service gave has the prefix, and any of elsewhere wants none. */
export const at = (path) => (path.startsWith("/") && !path.startsWith(`${ROOT}/`) ? ROOT + path : path);

/** The path of an address of ours without the prefix; null where it is none of ours. */
export function pathOf({ pathname }) {
  if (pathname === ROOT) return "/";
  return pathname.startsWith(`${ROOT}/`) ? pathname.slice(ROOT.length) : null;
}

/** The path of the page that is shown. */
export const here = () => pathOf(location) ?? location.pathname;

/** What the browser keeps something of ours under: two of us at one site have their own. */
export const ours = (name) => name + ROOT;
