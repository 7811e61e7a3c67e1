import { log } from "../../src/analyzers/log.ts";
import { ago, but, cases, yaml } from "./cases.ts";
import type { ContainerLog } from "../../src/kube/snapshot.ts";

const looping = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: api-1, namespace: shop, labels: { app: api } }
  spec: { containers: [{ name: api, image: "api:1" }] }
  status:
    phase: Running
    startTime: "${ago("1h")}"
    containerStatuses:
      - name: api
        image: api:1
        imageID: api
        ready: false
        restartCount: 9
        state: { waiting: { reason: CrashLoopBackOff, message: back-off 5m0s restarting failed container=api pod=api-1 } }
        lastState: { terminated: { exitCode: 1, reason: Error, startedAt: "${ago("4m")}", finishedAt: "${ago("3m")}" } }
`;
const initLooping = yaml`
  apiVersion: v1
  kind: Pod
  metadata: { name: api-1, namespace: shop, labels: { app: api } }
  spec: { initContainers: [{ name: migrate, image: "api:1" }], containers: [{ name: api, image: "api:1" }] }
  status:
    phase: Pending
    startTime: "${ago("1h")}"
    initContainerStatuses:
      - name: migrate
        image: api:1
        imageID: api
        ready: false
        restartCount: 9
        state: { waiting: { reason: CrashLoopBackOff } }
        lastState: { terminated: { exitCode: 1, reason: Error, startedAt: "${ago("4m")}", finishedAt: "${ago("3m")}" } }
`;
const healthy = but(
  looping,
  `status: { conditions: [{ type: Ready, status: "True", lastTransitionTime: "${ago("1h")}" }], containerStatuses: [{ name: api, image: "api:1", imageID: api, ready: true, restartCount: 0, state: { running: { startedAt: "${ago("1h")}" } } }] }`,
);

function logOf(lines: readonly string[], container = "api"): readonly ContainerLog[] {
  return [{ namespace: "shop", pod: "api-1", container, previous: true, lines }];
}

const object = "Pod/shop/api-1";

export default cases(log, {
  fires: [
    {
      name: "a Go panic",
      given: [looping],
      logs: logOf([
        "listening",
        "panic: runtime error: invalid memory address or nil pointer dereference",
        "goroutine 1 [running]:",
        "main.main()",
        "\t/app/main.go:12 +0x1d",
        "exit status 2",
      ]),
      expect: [{ rule: "log-error", object, severity: "warning", because: "a fault in the program" }],
    },
    {
      name: "a JSON level",
      given: [looping],
      logs: logOf([
        '{"level":"error","ts":1,"msg":"connect to db","err":"dial tcp 10.0.0.7:5432: connect: connection refused"}',
        '{"level":"info","msg":"0 errors, shutting down"}',
      ]),
      expect: [{ rule: "log-error", object, severity: "warning", because: "it cannot connect to another service" }],
    },
    {
      name: "an init container",
      given: [initLooping],
      logs: logOf(['ERROR: password authentication failed for user "shop"'], "migrate"),
      expect: [{ rule: "log-error", object, because: "its credentials are refused" }],
    },
    {
      name: "words alone",
      given: [looping],
      logs: logOf(["Starting", "failed to open /etc/app/config.yaml: no such file or directory"]),
      expect: [{ rule: "log-error", object, because: "a file is missing" }],
    },
    {
      name: "a Korean level",
      given: [looping],
      logs: logOf(["[정보] 시작", "[오류] 데이터베이스 연결"]),
      expect: [{ rule: "log-error", object, severity: "warning" }],
    },
    {
      name: "warnings only",
      given: [looping],
      logs: logOf(["level=info msg=start", "level=warning msg=retrying"]),
      expect: [{ rule: "log-error", object, severity: "info" }],
    },
  ],
  silent: [
    { name: "a healthy container with errors in its log", given: [healthy], logs: logOf(["ERROR: something failed"]) },
    { name: "no log was read", given: [looping] },
    { name: "an empty log", given: [looping], logs: logOf([]) },
    {
      name: "no errors are counted",
      given: [looping],
      logs: logOf([
        "0 errors",
        "no errors found",
        "errors: 0, failed=0",
        "failover complete",
        "error handler registered",
      ]),
    },
    {
      name: "an access log",
      given: [looping],
      logs: logOf([
        '10.0.0.1 - - [15/Jan/2026:12:00:00 +0000] "GET /error HTTP/1.1" 200 512',
        '"GET /missing HTTP/1.1" 404 12',
      ]),
    },
    {
      name: "the level says that nothing is wrong",
      given: [looping],
      logs: logOf([
        '{"level":"info","msg":"previous error resolved"}',
        'level=debug msg="failed before, fine now"',
        "INFO error budget is full",
        "I0115 12:00:00.000000       1 main.go:12] no leader, error expected",
      ]),
    },
    {
      name: "the Pod is being deleted",
      given: [but(looping, `metadata: { deletionTimestamp: "${ago("10s")}", finalizers: [example.com/keep] }`)],
      logs: logOf(["ERROR: stopped"]),
    },
  ],
});
