// What is said of how long personal data is kept, and of what was removed: pure words.

import { counted, say } from "./say/settings.js";
import { number } from "./words.js";

/** For how long what is kept; the rest is kept for good. */
export function retentionWords({ job_days: jobs, message_days: messages, client_days: clients }) {
  const all = [
    jobs !== null && counted("set_privacy.jobs_after", jobs),
    messages !== null && counted("set_privacy.messages_after", messages),
    clients !== null && counted("set_privacy.clients_after", clients),
  ].filter(Boolean);
  return all.length ? all.join(" ") : say("set_privacy.keeps");
}

/** What was removed so far, as pairs for a list of facts; `at` says a moment. */
export const removedFacts = (removed, at) => [
  [say("set_privacy.removed_jobs"), number(removed.jobs)],
  [say("set_privacy.removed_messages"), number(removed.messages)],
  [say("set_privacy.removed_clients"), number(removed.clients)],
  ...(removed.at ? [[say("set_privacy.removed_at"), at(removed.at)]] : []),
];
