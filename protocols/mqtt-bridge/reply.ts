// What an outcome means for the broker: an acknowledgement, or none yet. The only place here that knows reason codes.

import type { RefusalCode } from '../../src/contract/outcome.ts'
import { reasonCodes } from '../mqtt/codec/reason-codes.ts'
import type { BridgeSettings } from './config.ts'

/**
 * `refused`: by `onRefused`. `undeliverable`: by `onUndeliverable`. `hold`: never acknowledged, tried again; an event
 * that may be written is tried under its id.
 */
type Fate = 'refused' | 'undeliverable' | 'hold'

interface Reply {
  readonly fate: Fate
  /** Of the PUBACK in MQTT 5, where the message is acknowledged all the same. */
  readonly reasonCode: number
}

const hold: Reply = { fate: 'hold', reasonCode: reasonCodes.unspecifiedError }

function refused (reasonCode: number): Reply {
  return { fate: 'refused', reasonCode }
}

/** By refusal. Who is not authenticated now may be again: an operator's word on the principal loses nothing. */
export const replies: Readonly<Record<RefusalCode, Reply>> = {
  'malformed': refused(reasonCodes.topicNameInvalid),
  'too-large': refused(reasonCodes.implementationSpecificError),
  'unauthenticated': hold,
  'unverifiable': hold,
  'forbidden': refused(reasonCodes.notAuthorized),
  'no-route': refused(reasonCodes.topicNameInvalid),
  'invalid-event': refused(reasonCodes.payloadFormatInvalid),
  'rate-limited': hold,
  'overloaded': hold,
  'undeliverable': { fate: 'undeliverable', reasonCode: reasonCodes.implementationSpecificError },
  'sink-unavailable': hold,
  'journal-full': hold,
  'delivery-timeout': hold,
  'shutting-down': hold,
  'internal': hold
}

/** What is done about a refusal. */
export type Action = 'acknowledge' | 'stop' | 'hold'

export function actionOf (code: RefusalCode, settings: Pick<BridgeSettings, 'onRefused' | 'onUndeliverable'>): Action {
  const { fate } = replies[code]
  if (fate === 'hold') return 'hold'
  return fate === 'refused' ? settings.onRefused : settings.onUndeliverable
}
