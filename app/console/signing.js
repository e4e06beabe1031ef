// Signing in at the identity provider: authorization code with PKCE (RFC 6749 §4.1, RFC 7636), for a page with no secret.

import { at as addressOf, ours } from "./root.js";
import { say } from "./say/frame.js";

const WAITING = ours("bulk-cancel-sign-in"); // while the provider has the page; its verifier leaves this tab to nobody else
const EARLY_MS = 60_000; // a token is changed for a new one so long before it ends, or at three quarters of its time
const AGAIN_MS = 5_000;

const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Goes to the provider; the page that is shown now is come back to. */
export async function start(at) {
  const [verifier, state] = [random(), random()];
  const back = location.pathname + location.search;
  sessionStorage.setItem(WAITING, JSON.stringify({ verifier, state, back }));
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
  const query = {
    response_type: "code",
    client_id: at.client_id,
    redirect_uri: location.origin + addressOf("/"),
    scope: at.scope,
    audience: at.audience, // for providers that name none by themselves; others pass it over
    state,
    code_challenge: base64url(new Uint8Array(hash)),
    code_challenge_method: "S256",
  };
  if (at.scope.split(" ").includes("offline_access")) query.prompt = "consent"; // OpenID Connect Core §11
  const address = new URL(at.authorization_endpoint);
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value);
  location.assign(address);
}

/**
 * The access token that an answer is good for, as `{ back, token }`: `token()` gives one that has not ended, from memory.
 *
 * Throws an Error whose words are for the person.
 */
export async function finish(at, answer) {
  const waiting = JSON.parse(sessionStorage.getItem(WAITING) ?? "null");
  sessionStorage.removeItem(WAITING); // once, whatever comes of it
  const isOurs = waiting && answer.get("state") === waiting.state;
  const isTheirs = answer.has("iss") ? answer.get("iss") === at.issuer : !at.names_itself; // RFC 9207
  if (!isOurs || !isTheirs) throw new Error(say("sign_in.not_begun"));
  if (!answer.has("code")) throw new Error(say("sign_in.not_signed"));
  const given = await ask(at, {
    grant_type: "authorization_code",
    code: answer.get("code"),
    redirect_uri: location.origin + addressOf("/"),
    code_verifier: waiting.verifier,
  });
  return { back: waiting.back, token: keeper(at, given) };
}

/** Gives the token, and changes it for a new one in good time; one change runs, however many ask. */
function keeper(at, first) {
  let held = hold(first);
  let changing = null;
  const change = async () => {
    try {
      held = hold({ refresh_token: held.refresh, ...(await ask(at, { grant_type: "refresh_token", refresh_token: held.refresh })) });
    } catch (error) {
      if (error.isFinal) held.refresh = null; // the token that is held serves to its own end
      else held.change = Date.now() + AGAIN_MS;
    } finally {
      changing = null;
    }
  };
  return async () => {
    if (held.refresh && Date.now() >= held.change) await (changing ??= change());
    return held.token;
  };
}

function hold({ access_token: token, refresh_token: refresh = null, expires_in: seconds = 300 }) {
  const life = seconds * 1_000;
  return { token, refresh, change: Date.now() + Math.max(life - EARLY_MS, life * 0.75) };
}

async function ask(at, form) {
  let answer;
  try {
    answer = await fetch(at.token_endpoint, {
      method: "POST",
      body: new URLSearchParams({ client_id: at.client_id, ...form }),
      headers: { Accept: "application/json" },
      credentials: "omit",
      signal: AbortSignal.timeout(10_000),
    });
  } catch {
    throw new Error(say("sign_in.unreachable"));
  }
  if (answer.ok) return answer.json();
  const refused = new Error(say("sign_in.not_taken"));
  refused.isFinal = answer.status < 500 && answer.status !== 429;
  throw refused;
}
