import { expect, test } from "vitest";
import { tellsOfLookupFailure } from "../../../src/kube/messages/lookup.ts";

test.each([
  ["dial tcp: lookup db.shop.svc.cluster.local on 10.96.0.10:53: no such host", true],
  ["dial tcp: lookup db on 10.96.0.10:53: read udp 10.1.0.5:40000->10.96.0.10:53: i/o timeout", true],
  ["Error: getaddrinfo EAI_AGAIN db", true],
  ["java.net.UnknownHostException: db: Temporary failure in name resolution", true],
  ['psycopg2.OperationalError: could not translate host name "db" to address', true],
  ["curl: (6) Could not resolve host: db", true],
  ['nginx: [emerg] host not found in upstream "api"', true],
  ["dial tcp 10.1.0.7:5432: i/o timeout", false],
  ["lookup of user 7 failed", false],
  ["connection refused", false],
  ["", false],
])("%s: %s", (line, expected) => {
  expect(tellsOfLookupFailure(line)).toBe(expected);
});
