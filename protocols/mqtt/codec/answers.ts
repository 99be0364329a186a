// Reads the packets of reason codes: PUBACK, PUBREC, PUBREL, PUBCOMP, CONNACK, DISCONNECT and AUTH.

import type { Cursor } from './cursor.ts'
import type {
  AcknowledgementPacket, AcknowledgementType, AuthPacket, ConnackPacket, DisconnectPacket, Side
} from './packet.ts'
import { noProperties, readProperties } from './properties.ts'
import type { Properties, PropertyPlace } from './properties.ts'
import { reasonCodes, reasonCodesOf, returnCodesOf } from './reason-codes.ts'
import type { RuleName } from './violation.ts'

const wrongReasonCode = {
  PUBACK: 'puback-reason-code', PUBREC: 'pubrec-reason-code', PUBREL: 'pubrel-reason-code', PUBCOMP: 'pubcomp-reason-code'
} as const satisfies Record<AcknowledgementType, RuleName>

/** Sections 3.4 to 3.7: the reason code may be left out where it is 0, the Property Length where there are none. */
export function readAcknowledgement (cursor: Cursor, type: AcknowledgementType): AcknowledgementPacket {
  const packetId = cursor.packetId()
  let reasonCode: number = reasonCodes.success
  let properties = noProperties
  if (cursor.version === 5 && cursor.at < cursor.end) {
    reasonCode = cursor.byte()
    if (!reasonCodesOf[type].has(reasonCode)) cursor.violate(wrongReasonCode[type])
    properties = trailingProperties(cursor, type)
  }
  cursor.finish()
  return { type, packetId, reasonCode, properties }
}

function trailingProperties (cursor: Cursor, place: PropertyPlace): Properties {
  return cursor.at < cursor.end ? readProperties(cursor, place) : noProperties
}

export function readConnack (cursor: Cursor): ConnackPacket {
  const flags = cursor.byte()
  const reasonCode = cursor.byte()
  if ((flags & 0xfe) !== 0) cursor.violate('connack-flags')
  const allowed = cursor.version === 5 ? reasonCodesOf.CONNACK : returnCodesOf.CONNACK
  if (!allowed.has(reasonCode)) cursor.violate('connack-reason-code')
  const sessionPresent = flags === 1
  if (sessionPresent && reasonCode !== 0) cursor.violate('connack-session-present')
  const properties = cursor.version === 5 ? readProperties(cursor, 'CONNACK') : noProperties
  if (properties.authenticationData !== undefined && properties.authenticationMethod === undefined) {
    cursor.violate('authentication-data')
  }
  cursor.finish()
  return { type: 'CONNACK', sessionPresent, reasonCode, properties }
}

/** Section 3.14: a DISCONNECT of nothing is a normal one. In 3.1.1 it is never more. */
export function readDisconnect (cursor: Cursor, from: Side): DisconnectPacket {
  let reasonCode: number = reasonCodes.success
  let properties = noProperties
  if (cursor.version === 5 && cursor.at < cursor.end) {
    reasonCode = cursor.byte()
    if (!reasonCodesOf.DISCONNECT[from].has(reasonCode)) cursor.violate('disconnect-reason-code')
    properties = trailingProperties(cursor, 'DISCONNECT')
    if (from === 'server' && properties.sessionExpiryInterval !== undefined) cursor.violate('expiry-from-server')
  }
  cursor.finish()
  return { type: 'DISCONNECT', reasonCode, properties }
}

/** Section 3.15: an AUTH of nothing is a success, which only a server tells. */
export function readAuth (cursor: Cursor, from: Side): AuthPacket {
  let reasonCode: number = reasonCodes.success
  let properties = noProperties
  const isShort = cursor.at === cursor.end
  if (!isShort) {
    reasonCode = cursor.byte()
    properties = readProperties(cursor, 'AUTH')
  }
  if (!reasonCodesOf.AUTH[from].has(reasonCode)) cursor.violate('auth-reason-code')
  if (!isShort && properties.authenticationMethod === undefined) cursor.violate('authentication-method')
  cursor.finish()
  return { type: 'AUTH', reasonCode, properties }
}
