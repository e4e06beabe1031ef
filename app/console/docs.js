// Shows the OpenAPI document by Swagger UI; a key is put in by hand there.

import { showTestMode } from "./dom.js";
import { at } from "./root.js";

/* global SwaggerUIBundle */
SwaggerUIBundle({
  url: at("/openapi.json"),
  dom_id: "#swagger-ui",
  deepLinking: true,
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIBundle.SwaggerUIStandalonePreset],
});
showTestMode();
