import { defaults, listSessions, planBulkCancellation } from "./client.js";
import { API, headers, say, week } from "./week.js";

Object.assign(defaults, { baseUrl: API, headers });
const plan = await planBulkCancellation({ ...week, session_ids: "all" });
const page = await listSessions({ dateFrom: week.date_from, dateTo: week.date_to, limit: 200 });
if (plan.status !== 200 || page.status !== 200) throw new Error(JSON.stringify([plan, page]));
// @ts-expect-error: a list of ids, or the word "all"
planBulkCancellation.bind(null, { ...week, session_ids: "some" });
say(plan.data.totals.refunds, page.data.data.length);
