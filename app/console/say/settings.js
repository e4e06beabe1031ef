// The words of the settings, in the language that the page speaks.

import "./frame.js";
import { add } from "../language.js";
import en from "../languages/en/settings.js";

add("settings", en);

export { counted, parts, say } from "../language.js";
