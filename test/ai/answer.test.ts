import { describe, expect, test } from "vitest";
import { explanationIn, readableSoFar, unmaskedExplanation } from "../../src/ai/answer.ts";
import { isReadOnlyCommand } from "../../src/ai/commands.ts";

const whole = {
  summary: "The ConfigMap is missing.",
  why: "Pods wait for it.",
  steps: [
    { text: "Look", command: "kubectl -n shop get configmap" },
    { text: "Create it", command: "kubectl -n shop create configmap cart" },
    { text: "Wait", command: "" },
  ],
};
const read = {
  summary: "The ConfigMap is missing.",
  why: "Pods wait for it.",
  steps: [
    { text: "Look", command: "kubectl -n shop get configmap", changes: false },
    { text: "Create it", command: "kubectl -n shop create configmap cart", changes: true },
    { text: "Wait" },
  ],
};

describe("answers", () => {
  test.each([
    ["the JSON that was asked for", JSON.stringify(whole)],
    ["JSON in a fence", `Here it is:\n\`\`\`json\n${JSON.stringify(whole, undefined, 2)}\n\`\`\`\nGood luck!`],
    ["JSON between sentences", `Sure. ${JSON.stringify(whole)} Anything else?`],
    ["JSON after thinking aloud", `<think>{"summary": "no"}</think>\n${JSON.stringify(whole)}`],
    ["more than was asked for", JSON.stringify({ ...whole, confidence: 0.9, secret: "x" })],
  ])("%s", (_, answer) => {
    expect(explanationIn(answer)).toEqual(read);
  });

  test.each([
    ["prose", "Create the ConfigMap.\nThen wait.", "Create the ConfigMap.\nThen wait."],
    ["cut JSON", '{"summary": "The Conf', '{"summary": "The Conf'],
    ["JSON of another shape", '{"answer": 42}', '{"answer": 42}'],
    ["an error page", "<html><body>502 Bad Gateway</body></html>", "<html><body>502 Bad Gateway</body></html>"],
    ["a summary that is no text", '{"summary": 7}', '{"summary": 7}'],
  ])("%s is kept as text", (_, answer, summary) => {
    expect(explanationIn(answer)).toEqual({ summary, steps: [] });
  });

  test("steps of odd shapes are dropped, the others stay", () => {
    const steps = [null, 7, "Wait", { command: "kubectl get pods" }, { text: "Look", command: 3 }];
    expect(explanationIn(JSON.stringify({ summary: "s", steps }))).toEqual({
      summary: "s",
      steps: [{ text: "Wait" }, { text: "Look" }],
    });
    expect(explanationIn(JSON.stringify({ summary: "s", steps: "none" }))).toEqual({ summary: "s", steps: [] });
  });

  test.each(["", "  \n", "<think>hm</think>"])("%j is no answer", (answer) => {
    expect(explanationIn(answer)).toBeUndefined();
  });

  test("every text is unmasked", () => {
    expect(JSON.stringify(unmaskedExplanation(read, (text) => text.toUpperCase()).steps[1])).toBe(
      '{"text":"CREATE IT","command":"KUBECTL -N SHOP CREATE CONFIGMAP CART","changes":true}',
    );
  });
});

describe("commands", () => {
  test.each([
    "kubectl get pods -n shop",
    "kubectl -n shop get pods",
    "kubectl --context prod -n shop describe pod web-1",
    "$ kubectl logs web-1 --previous",
    "kubectl get events --sort-by=.lastTimestamp | tail -20",
    "kubectl get pod web -o jsonpath='{.spec.containers[*].image}'",
    "kubectl get pods -o json | jq '.items[] | select(.status.phase != \"Running\")'",
    'kubectl get pods -l "app=web"',
    "kubectl rollout status deployment/web",
    "kubectl auth can-i list pods",
    "kubectl top pod",
    "oc get pods",
  ])("%s reads", (command) => {
    expect(isReadOnlyCommand(command)).toBe(true);
  });

  test.each([
    "kubectl delete pod web-1",
    "kubectl -n get delete pod web-1",
    "kubectl apply -f fix.yaml",
    "kubectl rollout restart deployment/web",
    "kubectl exec web-1 -- cat /etc/passwd",
    "kubectl get pods; rm -rf /",
    "kubectl get pods && kubectl delete pod web",
    "kubectl get pods | xargs kubectl delete",
    "kubectl get pod $(kubectl delete pod web -o name)",
    'kubectl get pod "$(kubectl delete pod web -o name)"',
    "kubectl get pods `reboot`",
    "kubectl get pods > /etc/passwd",
    "kubectl get pods | sort -o /etc/passwd",
    "kubectl get pods\nkubectl delete pod web",
    "kubectl edit configmap cart",
    "kubectl auth reconcile -f rbac.yaml",
    "kubectl config set-context prod",
    "kubectl cluster-info dump --output-directory=/etc",
    "helm upgrade web",
    "kubectl",
    "",
  ])("%j may change", (command) => {
    expect(isReadOnlyCommand(command)).toBe(false);
  });
});

describe("an answer that is still coming", () => {
  test.each([
    ["", ""],
    ['{"sum', ""],
    ['{"summary": "The Conf', "The Conf"],
    ['```json\n{"summary": "It is \\"gone\\"", "why": "Po', 'It is "gone" Po'],
    ['{"summary": "a\\u00e9b\\u00', "aéb"],
    ['{"summary": "a\\', "a"],
    ['{"summary": "A.", "steps": [{"text": "Look", "command": "kubectl get po', "A. Look"],
    ["It is prose, with a {brace", "It is prose, with a {brace"],
    ["<think>let me see", ""],
    ["<think>a</think>Now", "Now"],
    ["```", ""],
  ])("%j reads %j", (answer, readable) => {
    expect(readableSoFar(answer)).toBe(readable);
  });

  test("never holds more than the whole, however it is cut", () => {
    const text = JSON.stringify(whole);
    const last = readableSoFar(text);
    for (let at = 0; at < text.length; at += 1) expect(last.startsWith(readableSoFar(text.slice(0, at)))).toBe(true);
  });
});
