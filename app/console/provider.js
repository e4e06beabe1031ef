// Whether one may sign in at an identity provider, and whether it has just sent the page back; signing.js does the rest.

/** What this service says of its provider; null where there is none, or the browser can't (plain http, not this machine). */
export function provider() {
  const said = document.querySelector('meta[name="bulk-cancel-sign-in"]')?.content;
  return said && globalThis.crypto?.subtle ? JSON.parse(said) : null;
}

/** What the provider has sent the page back with, out of the address before anything else; null on any other visit. */
export function takeAnswer() {
  const answer = new URLSearchParams(location.search);
  if (!answer.has("state") || !(answer.has("code") || answer.has("error"))) return null;
  history.replaceState(null, "", location.pathname);
  return answer;
}
