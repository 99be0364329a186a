// What an event adds to the attributes of its connection or call: names that these have keep their values.

import type { Attributes } from './envelope.ts'

/**
 * The one rule of all doors: headers and metadata count before what an event says of itself, so that what a proxy
 * wrote cannot be overwritten by whoever fills in events.
 */
export class AddedAttributes implements Attributes {
  readonly #base: Attributes
  readonly #pairs: readonly string[]

  /** `pairs` are name, value, name, value. Those with a colon are only ever the base's. */
  constructor (base: Attributes, pairs: readonly string[]) {
    this.#base = base
    this.#pairs = pairs
  }

  get (name: string): string | undefined {
    const value = this.#base.get(name)
    return value !== undefined || isReserved(name) ? value : valueOf(this.#pairs, name)
  }

  forEach (visit: (name: string, value: string) => void): void {
    this.#base.forEach(visit)
    const pairs = this.#pairs
    for (let at = 0; at < pairs.length; at += 2) {
      const name = pairs[at] ?? ''
      if (!isReserved(name) && this.#base.get(name) === undefined) visit(name, pairs[at + 1] ?? '')
    }
  }
}

function isReserved (name: string): boolean { return name.charCodeAt(0) === 0x3a }

/** The value of a name in a list of name, value, name, value. */
export function valueOf (pairs: readonly string[], name: string): string | undefined {
  for (let at = 0; at < pairs.length; at += 2) if (pairs[at] === name) return pairs[at + 1]
  return undefined
}
