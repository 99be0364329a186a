// Logs a connection in by SASL: agrees on the mechanism, then carries its messages until both sides are satisfied.

import type { BrokerAddress } from '../broker-link.ts'
import { answerOf } from '../classify.ts'
import { KafkaError } from '../kafka-error.ts'
import type { SaslAnswer, SaslHandshakeAnswer } from './sasl-messages.ts'

/** One login. */
export interface SaslExchange {
  /** The client's first message. */
  readonly first: Buffer
  /**
   * Takes a message of the server, the last one included, and gives the next one for it. Undefined: done, and the
   * server has proven itself where the mechanism can tell. An error: no login.
   */
  next (challenge: Buffer): Buffer | undefined | KafkaError | Promise<Buffer | undefined | KafkaError>
  /** Told that the broker ended it with an error. Gives what it had said before, for the operator; '' for nothing. */
  refused? (): string
}

export interface SaslMechanism {
  /** As Kafka calls it, e.g. `SCRAM-SHA-512`. */
  readonly name: string
  /** Begins one login. Rejects where there is nothing to log in with, such as a token that cannot be had. */
  begin (broker: BrokerAddress): Promise<SaslExchange>
}

/** What a connection that is not open yet can be asked. Both reject when the connection ends. */
export interface LoginChannel {
  handshake (mechanism: string): Promise<SaslHandshakeAnswer>
  authenticate (message: Buffer): Promise<SaslAnswer>
}

/** No mechanism needs as many messages. */
const messagesMax = 10

/** Resolves to how long the login lasts, in milliseconds; 0: as long as the connection. Rejects with a KafkaError. */
export async function logIn (
  channel: LoginChannel, mechanism: SaslMechanism, broker: BrokerAddress
): Promise<number> {
  const { code, mechanisms } = await channel.handshake(mechanism.name)
  if (code !== 0) {
    const { name } = saslErrorOf(code)
    throw new KafkaError(`${name}: the broker offers ${mechanisms.join(', ')}, not ${mechanism.name}`, { type: name })
  }
  const exchange = await mechanism.begin(broker)
  let message = exchange.first
  for (let count = 0; count < messagesMax; count++) {
    const answer = await channel.authenticate(message)
    if (answer.code !== 0) {
      const { name } = saslErrorOf(answer.code)
      const before = exchange.refused?.() ?? ''
      const said = [name, answer.message, answer.message.includes(before) ? '' : before].filter(part => part !== '')
      throw new KafkaError(said.join(': '), { type: name })
    }
    const next = await exchange.next(answer.bytes)
    if (next instanceof KafkaError) throw next
    if (next === undefined) return answer.sessionLifetimeMs
    message = next
  }
  throw new KafkaError('the login does not come to an end', { type: 'SASL_AUTHENTICATION_FAILED' })
}

const saslErrors: Readonly<Record<number, string>> = {
  33: 'UNSUPPORTED_SASL_MECHANISM', 34: 'ILLEGAL_SASL_STATE', 58: 'SASL_AUTHENTICATION_FAILED'
}

function saslErrorOf (code: number): { name: string } {
  return { name: saslErrors[code] ?? answerOf(code).name }
}
