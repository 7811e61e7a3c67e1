import { prometheusConfigRelabelReport } from "../../src/analyzers/prometheus-config-relabel-report.ts";
import { prometheusConfigValidate } from "../../src/analyzers/prometheus-config-validate.ts";
import { ago, but, cases, yaml } from "./cases.ts";

const config = yaml`{ apiVersion: v1, kind: ConfigMap, metadata: { name: prometheus, namespace: monitoring }, data: { prometheus.yml: "" } }`;
const pod = (spec: string, more = "{}") =>
  but(
    but(
      yaml`{ apiVersion: v1, kind: Pod, metadata: { name: prometheus-0, namespace: monitoring } }`,
      `{ spec: ${spec} }`,
    ),
    more,
  );
const server = pod(`
  { containers: [{ name: prometheus-server, image: "quay.io/prometheus/prometheus:v3.5.0", args: [--config.file=/etc/config/prometheus.yml],
      volumeMounts: [{ name: config, mountPath: /etc/config }] }],
    volumes: [{ name: config, configMap: { name: prometheus } }] }
`);
const running =
  "{ status: { containerStatuses: [{ name: prometheus-server, image: x, imageID: x, restartCount: 0, ready: true, state: { running: {} } }] } }";
const ended = (message: string) => `
  { status: { containerStatuses: [{ name: prometheus-server, image: x, imageID: x, restartCount: 4, ready: false,
      state: { waiting: { reason: CrashLoopBackOff } },
      lastState: { terminated: { exitCode: 2, reason: Error, finishedAt: "${ago("1m")}", message: '${message}' } } }] } }
`;
const refusal =
  'time=2026-01-15T11:59:00.000Z level=ERROR source=main.go:601 msg="Error loading config (--config.file=/etc/config/prometheus.yml)" file=/etc/config/prometheus.yml err="parsing YAML file /etc/config/prometheus.yml: yaml: line 7: did not find expected key"';
const unread = { rule: "prometheus-config-unread", object: "Pod/monitoring/prometheus-0" } as const;
const operated = pod(`
  { containers: [
      { name: prometheus, image: "quay.io/prometheus/prometheus:v3.5.0", args: [--config.file=/etc/prometheus/config_out/prometheus.env.yaml],
        volumeMounts: [{ name: config-out, mountPath: /etc/prometheus/config_out }] },
      { name: config-reloader, image: reloader, args: [--config-file=/etc/prometheus/config/prometheus.yaml.gz],
        volumeMounts: [{ name: config, mountPath: /etc/prometheus/config }] }],
    volumes: [{ name: config, secret: { secretName: prometheus-main } }, { name: config-out, emptyDir: {} }] }
`);

export default [
  cases(prometheusConfigValidate, {
    fires: [
      {
        name: "the ConfigMap lacks the entry, and the container waits",
        given: [server, but(config, "{ data: { prometheus.yml: null, other.yml: x } }")],
        expect: [
          {
            rule: "prometheus-config-missing",
            object: "Pod/monitoring/prometheus-0",
            severity: "critical",
            because: "the ConfigMap has no such entry",
            cause: "ConfigMap/monitoring/prometheus",
          },
        ],
      },
      {
        name: "the ConfigMap lacks the entry under a Prometheus that runs",
        given: [but(server, running), but(config, "{ data: { prometheus.yml: null, other.yml: x } }")],
        expect: [{ rule: "prometheus-config-missing", object: "Pod/monitoring/prometheus-0", severity: "warning" }],
      },
      {
        name: "the ConfigMap does not exist",
        given: [server],
        expect: [
          {
            rule: "prometheus-config-missing",
            object: "Pod/monitoring/prometheus-0",
            because: "the ConfigMap does not exist",
          },
        ],
      },
      {
        name: "Prometheus Operator's Secret does not exist",
        given: [operated],
        expect: [
          {
            rule: "prometheus-config-missing",
            object: "Pod/monitoring/prometheus-0",
            because: "the Secret does not exist",
          },
        ],
      },
      {
        name: "Prometheus said why it ended",
        given: [config, but(server, ended(refusal))],
        expect: [{ rule: "prometheus-config-rejected", object: "Pod/monitoring/prometheus-0", severity: "critical" }],
      },
      {
        name: "its log says why it ended",
        given: [config, but(server, ended(""))],
        logs: [
          {
            namespace: "monitoring",
            pod: "prometheus-0",
            container: "prometheus-server",
            previous: true,
            lines: [refusal],
          },
        ],
        expect: [{ rule: "prometheus-config-rejected", object: "Pod/monitoring/prometheus-0" }],
      },
      {
        name: "the file is there: its content is not read",
        given: [config, but(server, running)],
        expect: [{ ...unread, severity: "info" }],
      },
      {
        name: "it ended for another reason",
        given: [config, but(server, ended("opening storage failed: lock DB directory"))],
        expect: [unread],
      },
      { name: "ConfigMaps could not be read", given: [server], unread: ["ConfigMap"], expect: [unread] },
      {
        name: "the longest mount path wins",
        given: [
          config,
          but(
            server,
            `{ spec: { containers: [{ name: prometheus-server, image: "quay.io/prometheus/prometheus:v3.5.0", args: [--config.file, /etc/config/prometheus.yml],
                volumeMounts: [{ name: empty, mountPath: /etc }, { name: config, mountPath: /etc/config }] }],
              volumes: [{ name: empty, configMap: { name: none } }, { name: config, configMap: { name: prometheus } }] } }`,
          ),
        ],
        expect: [unread],
      },
      {
        name: "an entry under another path, by items",
        given: [
          but(config, "{ data: { prometheus.yml: null, main: x } }"),
          but(
            server,
            "{ spec: { volumes: [{ name: config, configMap: { name: prometheus, items: [{ key: main, path: prometheus.yml }] } }] } }",
          ),
        ],
        expect: [unread],
      },
      {
        name: "the file is in the image",
        given: [
          pod(
            `{ containers: [{ name: prometheus, image: "prom/prometheus@sha256:00", args: [--config.file=/etc/prometheus/prometheus.yml] }] }`,
          ),
        ],
        expect: [unread],
      },
      {
        name: "a mirror's image under the label and container name of Prometheus, beside a bad Pod",
        given: [
          pod(
            `{ containers: [{ name: prometheus, image: "mirror/prom-server:1", args: [--config.file=/a.yml] }] }`,
            "{ metadata: { labels: { app: prometheus } } }",
          ),
          but(
            pod(`{ containers: [{ name: prometheus, image: "prom/prometheus:v3" }] }`),
            "{ metadata: { name: prometheus-1 } }",
          ),
        ],
        expect: [unread],
      },
    ],
    silent: [
      {
        name: "Alertmanager under the label of Prometheus",
        given: [
          pod(
            `{ containers: [{ name: alertmanager, image: "prom/alertmanager:v0.28.0", args: [--config.file=/etc/alertmanager.yml] }] }`,
            "{ metadata: { labels: { app: prometheus } } }",
          ),
        ],
      },
      {
        name: "an exporter whose name begins like Prometheus",
        given: [
          pod(`{ containers: [{ name: x, image: "prom/prometheus-exporter:v1", args: [--config.file=/etc/x.yml] }] }`),
        ],
      },
      { name: "a finished Pod", given: [but(server, "{ status: { phase: Succeeded } }")] },
    ],
  }),
  cases(prometheusConfigRelabelReport, {
    fires: [
      {
        name: "a report, never a failure",
        given: [
          server,
          yaml`{ apiVersion: v1, kind: Service, metadata: { name: web, namespace: shop, annotations: { prometheus.io/scrape: "true" } }, spec: { ports: [{ port: 80 }] } }`,
        ],
        expect: [{ rule: "prometheus-targets-unknown", object: "Pod/monitoring/prometheus-0", severity: "info" }],
      },
    ],
    silent: [
      {
        name: "no Prometheus",
        given: [
          pod(
            `{ containers: [{ name: web, image: nginx }] }`,
            `{ metadata: { annotations: { prometheus.io/scrape: "true" } } }`,
          ),
        ],
      },
    ],
  }),
];
