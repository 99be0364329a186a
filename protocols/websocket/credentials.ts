// What a peer shows to prove who it is: headers and arguments of the upgrade, an offered subprotocol, a first message.

import type { Credentials } from '../../src/contract/adapter.ts'
import type { Attributes } from '../../src/contract/envelope.ts'
import { valueOf } from '../../src/contract/added-attributes.ts'

/** Headers with what is shown in their place: a fresh token counts, and not the one that the upgrade came with. */
class Shown implements Attributes {
  readonly #headers: Attributes
  readonly #pairs: readonly string[]

  constructor (headers: Attributes, pairs: readonly string[]) {
    this.#headers = headers
    this.#pairs = pairs
  }

  get (name: string): string | undefined {
    return valueOf(this.#pairs, name) ?? this.#headers.get(name)
  }

  forEach (visit: (name: string, value: string) => void): void {
    for (let at = 0; at < this.#pairs.length; at += 2) visit(this.#pairs[at] ?? '', this.#pairs[at + 1] ?? '')
    this.#headers.forEach((name, value) => {
      if (valueOf(this.#pairs, name) === undefined) visit(name, value)
    })
  }
}

export class UpgradeCredentials implements Credentials {
  readonly attributes: Attributes
  readonly #headers: Attributes
  #query: URLSearchParams | undefined

  /** `pairs` are shown in place of headers of the same name: name, value, name, value; names in lower case. */
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
