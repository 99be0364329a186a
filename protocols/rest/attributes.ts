// The headers of one request as the attributes of its events, read only when somebody asks.

import type { IncomingMessage } from 'node:http'
import type { Attributes } from '../../src/contract/envelope.ts'

/** Names are lower case; `get` gives the first value of a repeated header, `forEach` every one in received order. */
export class RequestAttributes implements Attributes {
  readonly #request: IncomingMessage

  constructor (request: IncomingMessage) {
    this.#request = request
  }

  get (name: string): string | undefined {
    if (name.charCodeAt(0) === 0x3a) {
      if (name === ':method') return this.#request.method
      return name === ':path' ? this.#request.url : undefined
    }
    // The platform has this map already; it joins repeated headers, so it can only tell that there is none.
    if (this.#request.headers[name] === undefined) return undefined
    const raw = this.#request.rawHeaders
    for (let at = 0; at < raw.length; at += 2) {
      const candidate = raw[at]
      if (candidate?.length === name.length && candidate.toLowerCase() === name) return raw[at + 1]
    }
    return undefined
  }

  forEach (visit: (name: string, value: string) => void): void {
    const raw = this.#request.rawHeaders
    for (let at = 0; at + 1 < raw.length; at += 2) visit((raw[at] ?? '').toLowerCase(), raw[at + 1] ?? '')
  }
}
