// Deadlines as gRPC writes them, kept within what a timer of the platform can hold.

import type { IncomingHttpHeaders } from 'node:http2'

const msOf: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 }
/** A day: whoever waits longer waits for ever. The library would take the longest for one that has passed. */
const longestMs = 86_400_000

/** Takes away a timeout that is longer than a day. What is no timeout at all stays, and is refused later. */
export function clampTimeout (headers: IncomingHttpHeaders): void {
  const text = headers['grpc-timeout']
  if (typeof text !== 'string') return
  const found = /^(\d{1,8})([HMSmun])$/.exec(text)
  if (found === null) return
  const [, digits, unit] = found
  if (Number(digits) * (msOf[unit ?? ''] ?? 0) > longestMs) delete headers['grpc-timeout']
}
