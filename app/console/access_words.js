// What a key may do, in words: roles, scopes and states, as the API has them. Pure.

/** What a caller may do. */
export const SCOPE = {
  "schedule:read": "See the schedule",
  "schedule:write": "Change the schedule",
  "cancellations:read": "See bulk cancellations",
  "cancellations:write": "Cancel sessions, retry and resolve refunds",
  "cancellations:approve": "Approve what is above the limits",
  "audit:read": "See names and e-mail addresses of clients, and the audit",
  "terms:write": "Set the terms",
  "webhooks:manage": "Manage webhooks",
  "business:manage": "Manage keys, messages and the business",
};

const READS = ["schedule:read", "cancellations:read"];
const DESK = [...READS, "cancellations:write", "audit:read"];

/** Named sets of scopes, as a key may have one. */
export const ROLE = {
  owner: { name: "Owner", scopes: Object.keys(SCOPE) },
  manager: { name: "Manager", scopes: [...DESK, "schedule:write", "terms:write", "cancellations:approve"] },
  front_desk: { name: "Front desk", scopes: DESK },
  finance: { name: "Finance", scopes: [...READS, "audit:read", "terms:write", "cancellations:approve"] },
  read_only: { name: "Read only", scopes: READS },
};

/** A key's states: the word, and the style of its badge. */
export const KEY = {
  in_force: { name: "In force", badge: "good" },
  expired: { name: "Expired", badge: "" },
  revoked: { name: "Revoked", badge: "bad" },
};

/** Whether a caller with these scopes may give, change or rotate a key with those: nobody gives what they haven't. */
export const mayGive = (own, scopes) => scopes.every((scope) => own.includes(scope));

/** What a key may do, in a word where it is all, and its rights one by one else. */
export function mayWords({ role, scopes }) {
  if (role) return ROLE[role].name;
  return mayGive(scopes, Object.keys(SCOPE)) ? "Everything" : scopes.map((scope) => SCOPE[scope] ?? scope).join("; ");
}

/** The roles that a caller with these scopes may give, the widest first. */
export const rolesFor = (own) => Object.keys(ROLE).filter((role) => mayGive(own, ROLE[role].scopes));
