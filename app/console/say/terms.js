// The words of terms, in the language that the page speaks.

import "./frame.js";
import { add } from "../language.js";
import en from "../languages/en/terms.js";

add("terms", en);

export { counted, parts, say } from "../language.js";
