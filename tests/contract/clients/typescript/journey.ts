// The journey by the TypeScript client: plan, cancel, poll, refunds, webhooks. It prints what it saw; the test judges.

import createClient from "openapi-fetch";
import type { components, paths } from "./bulk-cancel.js";

type Schemas = components["schemas"];
type Answer<T> = { data?: T; error?: unknown; response: Response };

const { API, KEY, FROM, TO, HOOK } = process.env;
if (!API || !KEY || !FROM || !TO || !HOOK) throw new Error("API, KEY, FROM, TO and HOOK are needed");

const client = createClient<paths>({ baseUrl: API, headers: { Authorization: `Bearer ${KEY}` } });
const pause = () => new Promise((resolve) => setTimeout(resolve, 100));

/** The answer's body; a problem is thrown. */
function told<T>(answer: Answer<T>): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

/** The job once it has ended, and how many polls were answered that nothing had changed. */
async function followed(jobId: string): Promise<[Schemas["JobDetail"], number]> {
  let job: Schemas["JobDetail"] | undefined;
  let etag: string | null = null;
  for (let unchanged = 0; ; await pause()) {
    const header: { "If-None-Match"?: string } = etag ? { "If-None-Match": etag } : {};
    const answer = await client.GET("/v1/bulk-cancellations/{job_id}", { params: { path: { job_id: jobId }, header } });
    if (answer.response.status === 304) unchanged += 1;
    else [job, etag] = [told(answer), answer.response.headers.get("ETag")];
    if (job && unchanged && ["completed", "completed_with_failures", "withdrawn"].includes(job.status)) {
      return [job, unchanged];
    }
  }
}

/** All refunds, a page at a time. */
async function refundsOf(jobId: string): Promise<Schemas["Refund"][]> {
  const found: Schemas["Refund"][] = [];
  let cursor: string | null = null;
  do {
    const page: Schemas["Page_Refund_"] = told(
      await client.GET("/v1/bulk-cancellations/{job_id}/refunds", {
        params: { path: { job_id: jobId }, query: { limit: 200, ...(cursor && { cursor }) } },
      }),
    );
    found.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return found;
}

/** The delivery once the endpoint has taken it. */
async function delivered(endpointId: string, eventId: string): Promise<Schemas["DeliveryDetail"]> {
  for (;;) {
    const delivery = told(
      await client.GET("/v1/webhook-endpoints/{endpoint_id}/deliveries/{event_id}", {
        params: { path: { endpoint_id: endpointId, event_id: eventId } },
      }),
    );
    if (delivery.status === "delivered") return delivery;
    await pause();
  }
}

const week = { date_from: FROM, date_to: TO, session_ids: "all", reason: "Snow day" } as const;
const plan = told(await client.POST("/v1/bulk-cancellations/plan", { body: week }));
const cancel = () =>
  client.POST("/v1/bulk-cancellations", {
    params: { header: { "Idempotency-Key": "typescript" } },
    body: { ...week, plan_digest: plan.digest },
  });
/** Without `Accept: text/csv` the answer is the job. */
const idOf = (answer: Answer<Schemas["AcceptedJob"] | string>) => (told(answer) as Schemas["AcceptedJob"]).id;
const first = await cancel();
const jobId = idOf(first);
const again = await cancel();
const [job, unchanged] = await followed(jobId);
const refunds = await refundsOf(jobId);

const endpoint = told(await client.POST("/v1/webhook-endpoints", { body: { url: HOOK, description: "The journey" } }));
const ofEndpoint = { params: { path: { endpoint_id: endpoint.id } } };
const sent = told(await client.POST("/v1/webhook-endpoints/{endpoint_id}/test", ofEndpoint));
const delivery = await delivered(endpoint.id, sent.event_id);
const event = delivery.payload as Schemas["WebhookEvent"];
if (event.type !== "webhook_endpoint.test") throw new Error(`${event.type} came`);
await client.DELETE("/v1/webhook-endpoints/{endpoint_id}", ofEndpoint);
const gone = await client.GET("/v1/webhook-endpoints/{endpoint_id}", ofEndpoint);

const facts = {
  planned: { refunds: plan.totals.refunds, credits: plan.totals.credits },
  cancelled: [first.response.status, first.response.headers.get("Idempotent-Replayed")],
  replayed: [again.response.status, again.response.headers.get("Idempotent-Replayed"), idOf(again) === jobId],
  status: job.status,
  was_unchanged: unchanged > 0,
  refunds: Object.fromEntries(refunds.map((refund) => [refund.id, refund.status])),
  credits: refunds.reduce((sum, refund) => sum + (refund.credits ?? 0), 0),
  event: [delivery.event_id, event.type, event.data.endpoint_id === endpoint.id],
  answered: delivery.attempts.map((attempt) => attempt.status_code),
  secret: endpoint.secret,
  after_deletion: gone.response.status,
};
console.log(JSON.stringify(facts));
