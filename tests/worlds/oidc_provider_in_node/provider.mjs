// The identity provider of the tests: certified, in its own process, set up by one line of JSON on its standard input.
//
// { "port", "keys": [private JWKs, the first that fits signs], "algorithm", "audience", "seconds", "redirects", "people", "logout": null or a URI }
// It says on standard output where it is, and ends with its standard input.

import { createInterface } from "node:readline";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const lines = createInterface({ input: process.stdin });
const { port, keys, algorithm, audience, seconds, redirects, people, logout } = JSON.parse(await new Promise((read) => lines.once("line", read)));
lines.on("close", () => process.exit(0));

const server = createServer();
await new Promise((listening) => server.listen(port, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  jwks: { keys },
  clients: [
    {
      client_id: "console",
      token_endpoint_auth_method: "none",
      application_type: "native", // may be sent to http on loopback
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      id_token_signed_response_alg: algorithm,
      redirect_uris: redirects,
      ...(logout && { backchannel_logout_uri: logout, backchannel_logout_session_required: true }),
    },
  ],
  cookies: { keys: ["of the tests alone"] },
  clientBasedCORS: (_, origin) => new URL(origin).hostname === "127.0.0.1", // at any port, as its redirects are
  pkce: { required: () => true },
  scopes: ["openid", "offline_access", "profile"],
  claims: { openid: ["sub"], profile: ["name"] },
  issueRefreshToken: async (_, client, code) => client.grantTypeAllowed("refresh_token") && code.scopes.has("offline_access"),
  findAccount: (_, id) => people[id] && { accountId: id, claims: () => ({ sub: id, ...people[id] }) },
  extraTokenClaims: (_, token) => people[token.accountId],
  // It refuses to call this machine, where tests are.
  fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
  ttl: { AccessToken: seconds, AuthorizationCode: 60, Grant: 3600, Interaction: 600, RefreshToken: 3600, Session: 3600, IdToken: 600 },
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    backchannelLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => "https://api.example/v1",
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "",
        audience,
        accessTokenFormat: "jwt",
        accessTokenTTL: seconds,
        jwt: { sign: { alg: algorithm } },
      }),
    },
  },
});
server.on("request", provider.callback());
console.log(issuer);
