// What travels beside the payload of a message: its user properties, and what MQTT itself has.

import type { Attributes } from '../../src/contract/envelope.ts'
import type { Properties } from './codec/properties.ts'

/** Names that begin so are the door's own: a user property of such a name is left out. */
const ownPrefix = 'mqtt-'

/** What is absent is not told. */
interface Origin {
  readonly clientId?: string
  readonly retain: boolean
  readonly properties: Properties
  readonly topicName?: string
  readonly qos?: number
  readonly dup?: boolean
}

const own: Readonly<Record<string, (origin: Origin) => string | undefined>> = {
  'mqtt-client-id': ({ clientId }) => clientId,
  'mqtt-topic': ({ topicName }) => topicName,
  'mqtt-qos': ({ qos }) => qos?.toString(),
  'mqtt-duplicate': ({ dup }) => dup === true ? 'true' : undefined,
  'mqtt-retain': ({ retain }) => retain ? 'true' : undefined,
  'mqtt-response-topic': ({ properties }) => properties.responseTopic,
  'mqtt-correlation-data': ({ properties }) => properties.correlationData?.toString('base64'),
  'mqtt-message-expiry-interval': ({ properties }) => properties.messageExpiryInterval?.toString(),
  'mqtt-payload-format-indicator': ({ properties }) => properties.payloadFormatIndicator?.toString()
}

/** Read lazily: most messages have nothing of it, and most routes ask for nothing. */
export class MessageAttributes implements Attributes {
  readonly #origin: Origin

  constructor (origin: Origin) {
    this.#origin = origin
  }

  get (name: string): string | undefined {
    if (name.startsWith(ownPrefix)) return own[name]?.(this.#origin)
    // Names that begin so are of protocols with a method and a path.
    if (name.startsWith(':')) return undefined
    for (const [key, value] of this.#origin.properties.userProperties ?? []) {
      if (key.toLowerCase() === name) return value
    }
    return undefined
  }

  forEach (visit: (name: string, value: string) => void): void {
    for (const name of Object.keys(own)) {
      const value = own[name]?.(this.#origin)
      if (value !== undefined) visit(name, value)
    }
    for (const [key, value] of this.#origin.properties.userProperties ?? []) {
      const name = key.toLowerCase()
      if (!name.startsWith(ownPrefix) && !name.startsWith(':')) visit(name, value)
    }
  }
}
