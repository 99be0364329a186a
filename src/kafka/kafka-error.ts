// A failure that Kafka or the way to it named, in the shape that `classify.ts` reads.

/** In place of a name of Kafka's: a login by token did not get as far as the broker. */
export const noTokenType = 'NO_TOKEN'

/** `type` is Kafka's name of its error code, or '' for a failure of the connection, whose `code` is the system's. */
export class KafkaError extends Error {
  override readonly name = 'KafkaError'
  readonly type: string
  readonly code: string
  /** host:port, for the operator only. */
  readonly broker: string

  constructor (message: string, about: { type?: string, code?: string, broker?: string, cause?: unknown } = {}) {
    super(message, about.cause === undefined ? {} : { cause: about.cause })
    this.type = about.type ?? ''
    this.code = about.code ?? ''
    this.broker = about.broker ?? ''
  }
}
