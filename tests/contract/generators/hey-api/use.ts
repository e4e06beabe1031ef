import { client } from "./client/client.gen.js";
import { listSessions, planBulkCancellation } from "./client/sdk.gen.js";
import { API, headers, say, week } from "./week.js";

client.setConfig({ baseUrl: API, headers, throwOnError: true });
const plan = await planBulkCancellation({ body: { ...week, session_ids: "all" }, throwOnError: true });
const query = { date_from: week.date_from, date_to: week.date_to, limit: 200 };
const page = await listSessions({ query, throwOnError: true });
// @ts-expect-error: a list of ids, or the word "all"
planBulkCancellation.bind(null, { body: { ...week, session_ids: "some" } });
say(plan.data.totals.refunds, page.data.data.length);
