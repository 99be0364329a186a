// The Topic Aliases of one connection: each stands for the topic name that came with it last.

import type { PublishPacket } from './packet.ts'
import { violationOf } from './violation.ts'
import type { Violation } from './violation.ts'

export interface AliasLimits {
  /** The Topic Alias Maximum that this side has announced. */
  readonly aliasesCountMax: number
  /** The longest topic name that anything is done with. Of a longer one, enough is kept to be refused again. */
  readonly nameLengthMax: number
}

/** Made anew for each connection: nothing is carried over (MQTT-3.3.2-7). */
export class TopicAliases {
  readonly #limits: AliasLimits
  readonly #names = new Map<number, string>()

  constructor (limits: AliasLimits) {
    this.#limits = limits
  }

  get heldCount (): number { return this.#names.size }

  /** The topic name of a PUBLISH. Keeps it where an alias comes with it. */
  resolve ({ topicName, properties: { topicAlias } }: PublishPacket): string | Violation {
    if (topicAlias === undefined) return topicName
    const { aliasesCountMax, nameLengthMax } = this.#limits
    if (topicAlias > aliasesCountMax) return violationOf('alias-above-maximum', 5)
    if (topicName === '') return this.#names.get(topicAlias) ?? violationOf('alias-unknown', 5)
    this.#names.set(topicAlias, topicName.length > nameLengthMax ? copyOf(topicName, nameLengthMax + 1) : topicName)
    return topicName
  }
}

/** A text of its own: a part of a long one would keep all of it in memory. */
function copyOf (text: string, length: number): string {
  return Buffer.from(text.slice(0, length), 'utf16le').toString('utf16le')
}
