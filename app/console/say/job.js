// The words of bulk cancellations, one and all, in the language that the page speaks.

import "./frame.js";
import { add } from "../language.js";
import en from "../languages/en/job.js";

add("job", en);

export { counted, parts, say } from "../language.js";
