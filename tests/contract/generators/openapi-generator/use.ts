import { CancellationsApi, Configuration, ScheduleApi, WebhooksApi } from "./client/index.js";
import { API, KEY, say, week } from "./week.js";

const configuration = new Configuration({ basePath: API, accessToken: KEY });
const [dateFrom, dateTo] = [new Date(week.date_from), new Date(week.date_to)];
const plan = await new CancellationsApi(configuration).planBulkCancellation({
  cancellationRequest: { dateFrom, dateTo, sessionIds: "all" },
});
const page = await new ScheduleApi(configuration).listSessions({ dateFrom, dateTo, limit: 200 });
// The calls of endpoints and the events they are sent have names of their own.
const endpoints = await new WebhooksApi(configuration).listWebhookEndpoints();
if (endpoints.data.length !== 0) throw new Error(JSON.stringify(endpoints));
say(plan.totals.refunds, page.data.length);
