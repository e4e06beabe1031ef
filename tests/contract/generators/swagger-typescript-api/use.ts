import { Api } from "./client/bulk-cancel.js";
import { API, headers, say, week } from "./week.js";

const api = new Api({ baseUrl: API, baseApiParams: { headers, format: "json" } });
const plan = await api.v1.planBulkCancellation({ ...week, session_ids: "all" });
const page = await api.v1.listSessions({ date_from: week.date_from, date_to: week.date_to, limit: 200 });
// @ts-expect-error: a list of ids, or the word "all"
api.v1.planBulkCancellation.bind(null, { ...week, session_ids: "some" });
say(plan.data.totals.refunds, page.data.data.length);
