export default {
  bulkCancel: { input: "bulk-cancel.json", output: { target: "client/bulk-cancel.ts", client: "fetch", mode: "single" } },
};
