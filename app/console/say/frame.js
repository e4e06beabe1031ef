// The words of staff's every page, in the language that the page speaks.

import { add } from "../language.js";
import en from "../languages/en/frame.js";

add("frame", en);

export { counted, parts, say } from "../language.js";
