// The channels that one connection speaks of: by number, once declared, or by name.

import { parseChannel } from '../../src/contract/channel.ts'
import type { Attributes } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { destinationOf } from './decode.ts'
import type { Destination } from './decode.ts'

export class Channels {
  readonly #base: Attributes
  readonly #countMax: number
  readonly #byNumber: (Destination | Refusal | undefined)[] = []
  /** The last one that was given by name: most events go where the one before went. */
  #named: Destination | undefined

  constructor (base: Attributes, countMax: number) {
    this.#base = base
    this.#countMax = countMax
  }

  /** False where that is no number it may have. A channel that cannot be one is told with its events. */
  declare (number: number, channel: string, pairs: readonly string[]): boolean {
    if (number >= this.#countMax) return false
    const parsed = parseChannel(channel)
    this.#byNumber[number] = isRefusal(parsed) ? parsed : destinationOf(parsed, pairs, this.#base)
    return true
  }

  numbered (number: number): Destination | Refusal {
    return this.#byNumber[number] ??
      refuse('malformed', `no channel has the number ${number}; declare it first, in a message of type channel`)
  }

  named (channel: string): Destination | Refusal {
    if (this.#named?.channel === channel) return this.#named
    const parsed = parseChannel(channel)
    if (isRefusal(parsed)) return parsed
    this.#named = destinationOf(parsed, [], this.#base)
    return this.#named
  }
}
