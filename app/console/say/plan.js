// The words of choosing sessions, a plan and its press, in the language that the page speaks.

import "./frame.js";
import { add } from "../language.js";
import en from "../languages/en/plan.js";

add("plan", en);

export { counted, parts, say } from "../language.js";
