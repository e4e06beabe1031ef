import { setConfig } from "@kubb/plugin-client/clients/fetch";
import { listSessions } from "./client/clients/listSessions.js";
import { planBulkCancellation } from "./client/clients/planBulkCancellation.js";
import { API, headers, say, week } from "./week.js";

setConfig({ baseURL: API, headers: { ...headers, "Content-Type": "application/json" } });
const plan = await planBulkCancellation({ ...week, session_ids: "all" });
const page = await listSessions({ date_from: week.date_from, date_to: week.date_to, limit: 200 });
// @ts-expect-error: a list of ids, or the word "all"
planBulkCancellation.bind(null, { ...week, session_ids: "some" });
say(plan.totals.refunds, page.data.length);
