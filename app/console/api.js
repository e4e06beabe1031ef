// The public API as any front end uses it: one key, problems as errors, lists page by page.

import { heard } from "./clock.js";
import { say } from "./language.js";
import { at, ours } from "./root.js";

let person = null; // gives the access token of whoever signed in, which is in memory alone
const KEY = ours("bulk-cancel-key"); // in the tab's own storage: closing the tab signs out
const PAGE = 200;
const PATIENCE_MS = 60_000;
const MOST_WAIT_SECONDS = 60;

/** What the tab keeps; null where a browser keeps nothing for us, as within another site's page. */
function kept() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export const key = {
  get: async () => (person ? person() : kept()),
  isHere: () => person !== null || kept() !== null,
  /** Whoever signed in is known by what `token()` gives. */
  hold: (token) => {
    person = token;
    sessionStorage.removeItem(KEY);
  },
  keep: (value) => sessionStorage.setItem(KEY, value),
  forget: () => {
    person = null;
    sessionStorage.removeItem(KEY);
  },
  /** Without a key, the one that a demo gives away in its pages. */
  orDemos: () => {
    const demos = document.querySelector('meta[name="bulk-cancel-demo-key"]')?.content;
    if (!key.isHere() && demos) key.keep(demos);
  },
};

/** The service answered with a problem document (RFC 9457). */
export class Refused extends Error {
  constructor(status, problem, retryAfter = null) {
    super(problem.detail || problem.title || say("common.answered", { status }));
    this.status = status;
    this.problem = problem;
    this.slug = (problem.type || "").split("/").pop();
    this.retryAfter = Number(retryAfter) || 0; // seconds
  }
}

/** Nobody knows whether the service heard us. */
export class Unreachable extends Error {
  constructor() {
    super(say("common.unreachable"));
  }
}

const LATER = new Set([408, 429]); // what a proxy may say in between

/** Whether the same call may go through later. */
export const isPassing = (error) =>
  error instanceof Unreachable || (error instanceof Refused && (error.status >= 500 || LATER.has(error.status)));

/**
 * One call; the answer if it is 2xx. Throws Refused, Unreachable, or AbortError when `signal` says so.
 *
 * Whoever is told to wait (429, which has done nothing) waits as long as was said and asks again; the window hears
 * `asked-to-wait` with the seconds, and then `asked-again`.
 */
export async function call(method, path, options = {}) {
  for (;;) {
    try {
      return await once(method, path, options);
    } catch (error) {
      if (error.status !== 429 || !error.retryAfter || error.retryAfter > MOST_WAIT_SECONDS) throw error;
      dispatchEvent(new CustomEvent("asked-to-wait", { detail: error.retryAfter }));
      await sleep(error.retryAfter * 1_000 * (1 + Math.random() / 4), options.signal);
      dispatchEvent(new CustomEvent("asked-again"));
      options.signal?.throwIfAborted();
    }
  }
}

async function once(method, path, { body, headers = {}, signal, patience = PATIENCE_MS } = {}) {
  const sent = { Accept: "application/json", ...headers };
  const shown = await key.get();
  if (shown) sent.Authorization = `Bearer ${shown}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  const ends = [signal, patience && AbortSignal.timeout(patience)].filter(Boolean);
  let answer;
  try {
    answer = await fetch(at(`/v1${path}`), {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.any(ends),
      cache: "no-cache",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable();
  }
  heard(answer.headers.get("Date"));
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  const refused = new Refused(answer.status, problem, answer.headers.get("Retry-After"));
  if (refused.status === 401) dispatchEvent(new CustomEvent("signed-out", { detail: refused.message }));
  throw refused;
}

/** What a GET answers, as JSON. */
export async function get(path, options) {
  const early = ahead.get(path);
  ahead.delete(path);
  return early ? early() : json(await call("GET", path, options), options);
}

const ahead = new Map();

/**
 * Asks for what a view is about to `get`, so that it need not wait for what comes before: an answer is taken once. Nothing
 * that was asked for another view is kept.
 */
export function askAhead(path, options) {
  ahead.clear();
  if (!path) return;
  const asked = get(path, options).then(
    (answer) => () => answer,
    (error) => () => {
      throw error;
    },
  );
  ahead.set(path, async () => (await asked)());
}

/** What a POST answers, as JSON. */
export const post = async (path, body, options) => json(await call("POST", path, { ...options, body }), options);

/** What a PUT answers, as JSON. */
export const put = async (path, body, options) => json(await call("PUT", path, { ...options, body }), options);

/** What a PATCH answers, as JSON. */
export const patch = async (path, body, options) => json(await call("PATCH", path, { ...options, body }), options);

async function json(answer, options) {
  try {
    return await answer.json();
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    throw new Unreachable();
  }
}

/** `path` with a query of what is not null or empty. */
export function withQuery(path, query) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

/** The address of a list's page: the first, or the one that a cursor leads to. */
export const pageOf = (path, query = {}, cursor = null) => withQuery(path, { limit: PAGE, ...query, cursor });

/** The pages of a list, one after the other. */
export async function* pages(path, query = {}, options = {}) {
  let cursor = null;
  do {
    const page = await get(pageOf(path, query, cursor), options);
    yield page;
    cursor = page.next_cursor;
  } while (cursor);
}

/** A whole list; `progress(count)` is told after each page. Gives the first page's envelope with all the data. */
export async function all(path, query, { progress, ...options } = {}) {
  let whole = null;
  for await (const page of pages(path, query, options)) {
    if (whole) whole.data.push(...page.data);
    else whole = page;
    progress?.(whole.data.length);
  }
  return whole;
}

/** Milliseconds go by, or `signal` ends the wait. */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end); // or a tab that looks for days keeps one for each look
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}

/** Runs `attempt` until it no longer fails of what may pass; `waiting(error)` is told of each failure. */
export async function patiently(attempt, { signal, waiting, tries = Infinity } = {}) {
  for (let pause = 500, failed = 1; ; pause = Math.min(2 * pause, 8_000), failed += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isPassing(error) || signal?.aborted || failed >= tries) throw error;
      waiting?.(error);
      await sleep(pause * (0.75 + Math.random() / 2), signal);
      signal?.throwIfAborted();
    }
  }
}
