// What travels beside the data of all events of a connection: the headers of the upgrade.

import type { IncomingMessage } from 'node:http'
import { valueOf } from '../../src/contract/added-attributes.ts'
import type { Attributes } from '../../src/contract/envelope.ts'

/** Headers that say how the connection came to be, tokens among them: they are no attributes of events. */
const ofTheUpgrade = /^(sec-websocket-.*|connection|upgrade)$/

/**
 * The headers of an upgrade, names in lower case: `get` gives the first of a name. Keeps a list of pairs and not the
 * request, which would be larger than all the rest of an idle connection.
 */
export class UpgradeAttributes implements Attributes {
  readonly #pairs: readonly string[]
  readonly #path: string | undefined

  constructor ({ rawHeaders, url }: Pick<IncomingMessage, 'rawHeaders' | 'url'>) {
    const pairs: string[] = []
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      const name = (rawHeaders[at] ?? '').toLowerCase()
      if (!ofTheUpgrade.test(name)) pairs.push(name, rawHeaders[at + 1] ?? '')
    }
    this.#pairs = pairs
    this.#path = url
  }

  get (name: string): string | undefined {
    if (name.charCodeAt(0) === 0x3a) return name === ':method' ? 'GET' : name === ':path' ? this.#path : undefined
    return valueOf(this.#pairs, name)
  }

  forEach (visit: (name: string, value: string) => void): void {
    for (let at = 0; at < this.#pairs.length; at += 2) visit(this.#pairs[at] ?? '', this.#pairs[at + 1] ?? '')
  }
}
