// The audit of a job as files: the CSV, its signed proof, and a workbook. Where a connection is cut, some proxies make it look like an end; so
// a file is saved only if it has all the lines that the service counted, or the end that a workbook or a
// proof has.

import { download } from "./dom.js";
import { call } from "./api.js";
import { say } from "./say/job.js";

const MARK = "\ufeff"; // tells sheet programs that a CSV is in UTF-8
const LINE_FEED = 10;
const END_OF_OBJECT = 125; // "}"
const END_OF_ZIP = [80, 75, 5, 6]; // begins a workbook's last 22 bytes

/** Whether the key may have the audit: it has names and e-mail addresses. */
export const mayAudit = (business) => business.key.scopes.includes("audit:read");

/** Only part of a file came. */
export class Cut extends Error {
  constructor(words = say("files.cut")) {
    super(words);
  }
}

/** Saves the CSV of an answer, which has the mark if it was asked to. */
export async function saveCsv(answer, jobId, { hasMark = false } = {}) {
  const bytes = await bytesOf(answer);
  const count = answer.headers.get("Audit-Lines");
  let lines = -1; // the header is none
  for (const byte of bytes) if (byte === LINE_FEED) lines += 1;
  if (count !== null && lines !== Number(count)) throw new Cut(say("files.cut_lines", { came: Math.max(lines, 0), count }));
  download(new Blob(hasMark ? [bytes] : [MARK, bytes], { type: "text/csv" }), `bulk-cancellation-${jobId}.csv`);
}

/** Fetches the CSV of a job as it stands, and saves it. */
export async function fetchCsv(path, jobId) {
  const answer = await call("GET", `${path}/audit.csv?bom=true`, { headers: { Accept: "text/csv" }, patience: 0 });
  await saveCsv(answer, jobId, { hasMark: true });
}

/** Fetches the audit of a job as a workbook, and saves it. */
export async function fetchWorkbook(path, jobId) {
  const answer = await call("GET", `${path}/audit.xlsx`, { headers: { Accept: "*/*" }, patience: 0 });
  const bytes = await bytesOf(answer);
  if (END_OF_ZIP.some((byte, place) => bytes.at(place - 22) !== byte)) throw new Cut();
  download(new Blob([bytes], { type: answer.headers.get("Content-Type") }), `bulk-cancellation-${jobId}.xlsx`);
}

/** Fetches the signed proof of a job's CSV, and saves it. */
export async function fetchProof(path, jobId) {
  const answer = await call("GET", `${path}/audit.proof`, { headers: { Accept: "*/*" }, patience: 0 });
  const bytes = await bytesOf(answer);
  if (bytes.at(-1) !== END_OF_OBJECT) throw new Cut();
  download(new Blob([bytes], { type: answer.headers.get("Content-Type") }), `bulk-cancellation-${jobId}.proof`);
}

async function bytesOf(answer) {
  try {
    return new Uint8Array(await answer.arrayBuffer());
  } catch {
    throw new Cut();
  }
}
