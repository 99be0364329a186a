// What a peer shows to prove who it is: headers and arguments of the upgrade, an offered subprotocol, a first message.

import type { Credentials } from '../../src/contract/adapter.ts'
import type { Attributes } from '../../src/contract/envelope.ts'

/** Attributes with shown ones beside them. A name that came as a header keeps its value. */
class Shown implements Attributes {
  readonly #headers: Attributes
  readonly #pairs: readonly string[]

  constructor (headers: Attributes, pairs: readonly string[]) {
    this.#headers = headers
    this.#pairs = pairs
  }

  get (name: string): string | undefined {
    const header = this.#headers.get(name)
    if (header !== undefined) return header
    const at = this.#pairs.findIndex((text, index) => index % 2 === 0 && text === name)
    return at < 0 ? undefined : this.#pairs[at + 1]
  }

  forEach (visit: (name: string, value: string) => void): void {
    this.#headers.forEach(visit)
    // Also what the headers have: whoever shows two credentials of one kind is to be told.
    for (let at = 0; at < this.#pairs.length; at += 2) visit(this.#pairs[at] ?? '', this.#pairs[at + 1] ?? '')
  }
}

export class UpgradeCredentials implements Credentials {
  readonly attributes: Attributes
  readonly #headers: Attributes
  #query: URLSearchParams | undefined

  /** `pairs` are shown beside the headers: name, value, name, value; names in lower case. */
  constructor (headers: Attributes, pairs: readonly string[]) {
    this.#headers = headers
    this.attributes = pairs.length === 0 ? headers : new Shown(headers, pairs)
  }

  /** The query argument of that name; several are joined as repeated headers are, and so are no credential. */
  argument (name: string): string | undefined {
    this.#query ??= queryOf(this.#headers)
    const values = this.#query.getAll(name)
    return values.length === 0 ? undefined : values.join(', ')
  }
}

/** The query of the upgrade's target. */
export function queryOf (headers: Attributes): URLSearchParams {
  const path = headers.get(':path') ?? ''
  const mark = path.indexOf('?')
  return new URLSearchParams(mark < 0 ? '' : path.slice(mark + 1))
}
