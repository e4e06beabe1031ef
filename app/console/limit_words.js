// What is said of a business's limits: pure words.

import { counted, say } from "./say/settings.js";
import { money, number } from "./words.js";

/** Above what somebody else approves, and for how long that is waited for. */
export function limitsWords(limits) {
  const all = [
    ...(limits.money ?? []).map(money),
    limits.credits !== null && counted("common.credits", limits.credits),
    limits.people !== null && counted("count.people", limits.people),
    limits.sessions !== null && counted("count.sessions", limits.sessions),
    limits.share_of_week_percent !== null && say("set_limits.percent", { n: number(limits.share_of_week_percent) }),
  ].filter(Boolean);
  if (!all.length) return say("set_limits.none");
  return `${say("set_limits.above", { all: all.join(say("frame.semicolon")) })} ${counted("set_limits.waits", limits.within_hours)}`;
}
