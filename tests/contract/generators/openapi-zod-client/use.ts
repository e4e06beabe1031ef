import { createApiClient } from "./client.js";
import { API, headers, say, week } from "./week.js";

const api = createApiClient(API, { axiosConfig: { headers, proxy: false } });
const plan = await api.plan_bulk_cancellation({ ...week, session_ids: "all" });
const queries = { date_from: week.date_from, date_to: week.date_to, limit: 200 };
const page = await api.list_sessions({ queries });
// @ts-expect-error: a list of ids, or the word "all"
api.plan_bulk_cancellation.bind(null, { ...week, session_ids: "some" });
say(plan.totals.refunds, page.data.length);
