// What the client that openapi-generator makes in Go is used for, as week.ts has it for TypeScript.
package main

import (
	"context"
	"encoding/json"
	"os"

	client "bulk-cancel/client"
)

func main() {
	configuration := client.NewConfiguration()
	configuration.Servers = client.ServerConfigurations{{URL: os.Getenv("API")}}
	api := client.NewAPIClient(configuration)
	ctx := context.WithValue(context.Background(), client.ContextAccessToken, os.Getenv("KEY"))
	from, to, all := os.Getenv("FROM"), os.Getenv("TO"), "all"

	request := client.NewCancellationRequest(from, to, client.SessionIds{String: &all})
	plan, _, err := api.CancellationsAPI.PlanBulkCancellation(ctx).CancellationRequest(*request).Execute()
	if err != nil {
		panic(err)
	}
	page, _, err := api.ScheduleAPI.ListSessions(ctx).DateFrom(from).DateTo(to).Limit(200).Execute()
	if err != nil {
		panic(err)
	}
	if endpoints, _, err := api.WebhooksAPI.ListWebhookEndpoints(ctx).Execute(); err != nil || len(endpoints.Data) != 0 {
		panic("the calls of endpoints are not those of the document")
	}
	facts := map[string]int{"refunds": int(plan.Totals.Refunds), "sessions": len(page.Data)}
	if err := json.NewEncoder(os.Stdout).Encode(facts); err != nil {
		panic(err)
	}
}
