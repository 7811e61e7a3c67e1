import { type Analyzer, defineAnalyzer } from "./define.ts";
import { staleEndpointRules, staleEndpoints } from "./rules/stale-endpoints.ts";

export const endpointSlice: Analyzer = defineAnalyzer({
  name: "EndpointSlice",
  core: false,
  needs: ["EndpointSlice", "Pod"],
  uses: ["Event"],
  rules: staleEndpointRules,
  check: staleEndpoints,
});
