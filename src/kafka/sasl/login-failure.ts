// The errors of a login that cannot be made or was not accepted.

import { KafkaError, noTokenType } from '../kafka-error.ts'

/** `what` is for the operator and shows no secret. */
export function loginFailed (what: string): KafkaError {
  return new KafkaError(what, { type: 'SASL_AUTHENTICATION_FAILED' })
}

/** There is nothing to log in with, and no broker has said a word yet. `what` is for the operator, too. */
export function noToken (what: string): KafkaError {
  return new KafkaError(what, { type: noTokenType })
}
