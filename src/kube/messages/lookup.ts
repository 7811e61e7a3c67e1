/**
 * How programs say that a name has no address: the words of resolvers and runtimes (glibc and musl `gai_strerror`, Go `net`,
 * Node `dns`, Java `UnknownHostException`, Python `socket.gaierror`, curl, .NET, PHP, Erlang).
 */
const lookupFailures: readonly RegExp[] = [
  /no such host/i,
  /lookup \S+(?: on \S+)?: .*(?:i\/o timeout|server misbehaving|connection refused)/i,
  /\b(?:ENOTFOUND|EAI_AGAIN|EAI_NONAME|gaierror|UnknownHostException|NXDOMAIN|nxdomain)\b/,
  /temporary failure in name resolution/i,
  /name or service not known/i,
  /name does not resolve/i,
  /nodename nor servname provided/i,
  /could not (?:resolve host|translate host name)/i,
  /couldn't resolve host/i,
  /(?:php_network_getaddresses|getaddrinfo)\b.* failed/i,
  /failed to lookup address information/i,
  /host not found/i,
];

/** Whether a line of a log or an event tells of a name that could not be looked up. */
export function tellsOfLookupFailure(text: string): boolean {
  return lookupFailures.some((pattern) => pattern.test(text));
}
