// A job's audit as files, and which of them is final.

import { h } from "./dom.js";
import { isPassing, Refused } from "./api.js";
import { Cut, fetchCsv, fetchProof, fetchWorkbook, mayAudit } from "./audit.js";
import { finality, isFinal } from "./job_words.js";
import { say } from "./say/job.js";

/** The buttons, for a key that may read the audit, and what they are; `more` are buttons beside them. */
export function filesOf(job, { path, business, more }) {
  const csv = h("button");
  const workbook = h("button", {}, say("files.xlsx"));
  const proof = h("button", { hidden: true, title: say("files.proof_title") }, say("files.proof"));
  const note = h("p", { class: "note" });
  const error = h("p", { class: "error", role: "alert" });
  const saves = (button, fetched) =>
    button.addEventListener("click", async () => {
      button.disabled = true;
      error.textContent = "";
      try {
        await fetched(path, job.id);
      } catch (failed) {
        if (!(failed instanceof Refused || failed instanceof Cut || isPassing(failed))) throw failed;
        error.textContent = failed.message;
      } finally {
        button.disabled = false;
      }
    });
  saves(csv, fetchCsv);
  saves(proof, fetchProof);
  saves(workbook, fetchWorkbook);
  const files = mayAudit(business) ? [csv, proof, workbook] : [];
  return {
    elements: [h("div", { class: "toolbar" }, files, more), error, mayAudit(business) && note],
    update(now) {
      csv.textContent = say(isFinal(now) ? "files.final_csv" : "files.csv");
      proof.hidden = !isFinal(now);
      note.textContent = finality(now);
    },
  };
}
