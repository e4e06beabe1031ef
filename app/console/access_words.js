// What a key may do, in words: roles, scopes and states, as the API has them. Pure.

import { say } from "./say/settings.js";

const SCOPES = [
  "schedule:read",
  "schedule:write",
  "cancellations:read",
  "cancellations:write",
  "cancellations:approve",
  "audit:read",
  "terms:write",
  "webhooks:manage",
  "business:manage",
];

/** What a caller with a scope may do; one that is not known here, as it came. */
export const scopeWords = (scope) => (SCOPES.includes(scope) ? say(`scope.${scope.replace(":", "_")}`) : scope);

const READS = ["schedule:read", "cancellations:read"];
const DESK = [...READS, "cancellations:write", "audit:read"];

/** Named sets of scopes, as a key may have one. */
export const ROLE = {
  owner: SCOPES,
  manager: [...DESK, "schedule:write", "terms:write", "cancellations:approve"],
  front_desk: DESK,
  finance: [...READS, "audit:read", "terms:write", "cancellations:approve"],
  read_only: READS,
};

/** A key's states: the style of its badge. */
export const KEY = { in_force: "good", expired: "", revoked: "bad" };

/** Whether a caller with these scopes may give, change or rotate a key with those: nobody gives what they haven't. */
export const mayGive = (own, scopes) => scopes.every((scope) => own.includes(scope));

/** What a key may do, in a word where it is all, and its rights one by one else. */
export function mayWords({ role, scopes }) {
  if (role) return say(`role.${role}`);
  return mayGive(scopes, SCOPES) ? say("role.everything") : scopes.map(scopeWords).join(say("frame.semicolon"));
}

/** The roles that a caller with these scopes may give, the widest first. */
export const rolesFor = (own) => Object.keys(ROLE).filter((role) => mayGive(own, ROLE[role]));
