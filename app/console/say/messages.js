// The words of messages to clients, in the language that the page speaks.

import "./frame.js";
import { add } from "../language.js";
import en from "../languages/en/messages.js";

add("messages", en);

export { counted, parts, say } from "../language.js";
