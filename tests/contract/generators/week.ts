// What each generated client is used for: one body with "all", one query with most of its filters left out.

const { API = "", KEY = "", FROM = "", TO = "" } = process.env;
if (!API || !KEY || !FROM || !TO) throw new Error("API, KEY, FROM and TO are needed");

export { API, KEY };
export const headers = { Authorization: `Bearer ${KEY}` };
export const week = { date_from: FROM, date_to: TO };

/** Let calls to "/…" go to the API, as they would in a page that it serves. */
export function relative(): void {
  const real = globalThis.fetch;
  globalThis.fetch = (input, init) => real(new URL(String(input), API), init);
}

/** Print what the calls came to; the test judges. */
export function say(refunds: number, sessions: number): void {
  console.log(JSON.stringify({ refunds, sessions }));
}
