// What travels beside all events of a call: its metadata, read only when asked for.

import type { Attributes } from '../../src/contract/envelope.ts'

/** Headers of gRPC and HTTP/2 themselves: they say how the call travels and nothing of the event. */
const transport = new Set(['te', 'content-type', 'content-length'])

/** The headers of a call: names and values, one after the other, as they came. */
export class Metadata implements Attributes {
  readonly #pairs: readonly string[]

  constructor (pairs: readonly string[]) {
    this.#pairs = pairs
  }

  get (name: string): string | undefined {
    return isTransport(name) ? undefined : headerOf(this.#pairs, name)
  }

  forEach (visit: (name: string, value: string) => void): void {
    const pairs = this.#pairs
    for (let at = 0; at + 1 < pairs.length; at += 2) {
      const name = pairs[at] ?? ''
      if (name.charCodeAt(0) !== 0x3a && !isTransport(name)) visit(name, pairs[at + 1] ?? '')
    }
  }
}

/** The first value of a header among names and values, one after the other. */
export function headerOf (pairs: readonly string[], name: string): string | undefined {
  for (let at = 0; at + 1 < pairs.length; at += 2) if (pairs[at] === name) return pairs[at + 1]
  return undefined
}

function isTransport (name: string): boolean {
  return name.startsWith('grpc-') || transport.has(name)
}
