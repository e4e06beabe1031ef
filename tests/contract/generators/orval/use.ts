import { listSessions, planBulkCancellation } from "./client/bulk-cancel.js";
import { headers, relative, say, week } from "./week.js";

relative(); // it calls "/v1/…"
const plan = await planBulkCancellation({ ...week, session_ids: "all" }, {}, { headers });
const page = await listSessions({ date_from: week.date_from, date_to: week.date_to, limit: 200 }, { headers });
if (plan.status !== 200 || page.status !== 200) throw new Error(JSON.stringify([plan, page]));
// @ts-expect-error: a list of ids, or the word "all"
planBulkCancellation.bind(null, { ...week, session_ids: "some" });
say(plan.data.totals.refunds, page.data.data.length);
