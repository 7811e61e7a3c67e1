import { describe, expect, test } from "vitest";
import { lastError } from "../../../src/kube/messages/log.ts";

/** The lines of a text, as a log holds them. */
function lines(text: string): readonly string[] {
  return text
    .replace(/^\n/, "")
    .replace(/\n\s*$/, "")
    .split("\n");
}

describe("the last block with its trace", () => {
  test("Go panic", () => {
    const error = lastError(
      lines(`
2026-01-15T12:00:00Z INFO listening
panic: runtime error: index out of range [3] with length 3

goroutine 1 [running]:
main.load(0xc000012345)
	/app/main.go:41 +0x1d
main.main()
	/app/main.go:12 +0x27
exit status 2`),
    );
    expect(error?.level).toBe("fatal");
    expect(error?.lines[0]).toMatch(/^panic: /);
    expect(error?.lines.at(-1)).toBe("exit status 2");
    expect(error?.lines).toHaveLength(8);
  });

  test("Python traceback, from its first line to the exception", () => {
    const error = lastError(
      lines(`
INFO:root:start
Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    os.environ["DATABASE_URL"]
KeyError: 'DATABASE_URL'`),
    );
    expect(error?.lines[0]).toBe("Traceback (most recent call last):");
    expect(error?.lines.at(-1)).toBe("KeyError: 'DATABASE_URL'");
    expect(error?.says).toBe("a setting is missing");
  });

  test("Java exception with its cause", () => {
    const error = lastError(
      lines(`
2026-01-15 12:00:00.123  INFO 1 --- [           main] c.e.App : Starting
2026-01-15 12:00:01.456 ERROR 1 --- [           main] o.s.b.SpringApplication : Application run failed
org.springframework.beans.factory.BeanCreationException: Error creating bean
	at org.springframework.Foo.bar(Foo.java:12)
Caused by: java.net.ConnectException: Connection refused
	at java.base/sun.nio.ch.Net.connect(Net.java:1)
	... 12 more`),
    );
    expect(error?.lines[0]).toContain("Application run failed");
    expect(error?.lines).toHaveLength(6);
    expect(error?.says).toBe("it cannot connect to another service");
  });

  test("Node error, with the lines that belong to it", () => {
    const error = lastError(
      lines(`
Server starting
Error: Cannot find module 'express'
    at Module._resolveFilename (node:internal/modules/cjs/loader:1140:15)
    at Module._load (node:internal/modules/cjs/loader:981:27) {
  code: 'MODULE_NOT_FOUND'
}`),
    );
    expect(error?.lines[0]).toBe("Error: Cannot find module 'express'");
    expect(error?.lines.at(-1)).toBe("}");
    expect(error?.says).toBe("a library is missing");
  });

  test("the last of several, without what was logged between them", () => {
    const error = lastError(["ERROR first", "INFO between", "ERROR second", "INFO after"]);
    expect(error?.lines).toEqual(["ERROR second"]);
  });

  test("a long trace keeps its head and its tail", () => {
    const trace = ["ERROR boom", ...Array.from({ length: 60 }, (_, index) => `\tat frame${index}(File.java:1)`)];
    const error = lastError(trace);
    expect(error?.lines).toHaveLength(20);
    expect(error?.lines[0]).toBe("ERROR boom");
    expect(error?.lines.at(-1)).toContain("frame59");
    expect(error?.lines[12]).toBe("… 42 lines …");
  });
});

describe("levels", () => {
  test.each([
    ['{"severity":"ERROR","message":"x"}', "error"],
    ['{"level":50,"msg":"x"}', "error"],
    ['{"level":60,"msg":"x"}', "fatal"],
    ['{"level":30,"msg":"error in text"}', undefined],
    ['{"@l":"Fatal","@m":"x"}', "fatal"],
    ['{"log":{"level":"error"},"message":"x"}', "error"],
    ['{"log.level":"error","message":"x"}', "error"],
    ['{"msg":"an error in a value"}', undefined],
    ['{"level":"error","msg":"' + "x".repeat(900) + '"}', "error"],
    ['time="2026-01-15T12:00:00Z" level=fatal msg="x"', "fatal"],
    ['level=info msg="failed before"', undefined],
    ["E0115 12:00:00.000000       1 main.go:12] x", "error"],
    ["2026/01/15 12:00:00 [error] 29#29: *1 connect() failed", "error"],
    ["2026/01/15 12:00:00 [notice] 1#1: error log opened", undefined],
    ["2026-01-15 12:00:00.000 UTC [1] FATAL:  data directory has wrong ownership", "fatal"],
    ["2026-01-15 12:00:00.000 UTC [1] LOG:  no error here, cannot say more", undefined],
    ["\u001b[31mERROR\u001b[0m app: x", "error"],
    ["2026-01-15T12:00:00.000000Z ERROR app::main: x", "error"],
    ["2026-01-15T12:00:00.000Z  WARN main: x", "warning"],
    ["[ERROR] x", "error"],
    ["[심각] x", "fatal"],
    ["エラー: x", "error"],
    ["npm ERR! code ELIFECYCLE", "error"],
    ["Segmentation fault (core dumped)", "fatal"],
    ["exec /app: exec format error", "fatal"],
    ["listening on port 8080", undefined],
    ["0 errors, 3 warnings", undefined],
    ["failover complete", undefined],
    ['"GET /errors HTTP/1.1" 200', undefined],
    ['"GET /cart HTTP/1.1" 502 0 upstream timed out', "error"],
    ["", undefined],
  ])("%s: %s", (line, level) => {
    expect(lastError([line])?.level).toBe(level);
  });
});

test("lines and the whole are bounded", () => {
  const error = lastError([...Array.from({ length: 50 }, () => "x".repeat(100_000)), `ERROR ${"y".repeat(100_000)}`]);
  expect(error?.lines).toHaveLength(1);
  expect(error?.lines[0]?.length).toBeLessThan(600);
});

test("control characters do not reach the terminal", () => {
  expect(lastError(["ERROR \u001b]0;title\u0007x\u001b[2J\u0000"])?.lines[0]).not.toMatch(/\p{Cc}/u);
});

test("odd text never throws and takes its time in proportion", () => {
  const odd = [
    "{",
    "{}",
    '{"level":{}}',
    '{"level":null}',
    "[[[[",
    "=====",
    "level=",
    "\uFFFD",
    "a".repeat(500),
    "[".repeat(400),
    "error ".repeat(80),
    '"'.repeat(300),
    "2026-".repeat(100),
    "0 ".repeat(200),
  ];
  for (const first of odd) for (const second of odd) expect(() => lastError([first, second, first])).not.toThrow();
});
