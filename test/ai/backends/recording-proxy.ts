/** An HTTP proxy on this machine that keeps the bytes of each request and hands them on. */
import { request as send } from "node:http";
import { localServer, type LocalServer } from "./local-server.ts";

/** Starts the proxy; its `received` are the requests as they were on the wire, with the whole address as path. */
export async function recordingProxy(): Promise<LocalServer> {
  return localServer(({ method, path, headers, text }, response) => {
    const onward = send(path, { method, headers }, (incoming) => {
      response.writeHead(incoming.statusCode ?? 502, incoming.headers);
      incoming.on("error", () => response.destroy());
      incoming.pipe(response);
    });
    onward.on("error", () => response.destroy());
    onward.end(text);
  });
}
