// The error of a login that cannot be made or was not accepted.

import { KafkaError } from '../kafka-error.ts'

/** `what` is for the operator and shows no secret. */
export function loginFailed (what: string): KafkaError {
  return new KafkaError(what, { type: 'SASL_AUTHENTICATION_FAILED' })
}
