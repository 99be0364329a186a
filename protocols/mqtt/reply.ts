// The only place that knows how an outcome looks over MQTT: reason codes of 5, return codes of 3.1.1, and what is done.

import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal, RefusalCode } from '../../src/contract/outcome.ts'
import {
  acknowledgementBytesMax, encodeConnack, encodeDisconnect, encodeSuback, pingrespBytes, writeAcknowledgement
} from './codec/encode.ts'
import type { Receiver } from './codec/encode.ts'
import type { Packet, SubscribePacket, UnsubscribePacket } from './codec/packet.ts'
import { noProperties } from './codec/properties.ts'
import type { Properties } from './codec/properties.ts'
import { reasonCodes, returnCodes, subscriptionFailure } from './codec/reason-codes.ts'
import type { Violation } from './codec/violation.ts'

/**
 * What becomes of a message that is refused. A reason code of an acknowledgement ends its delivery: clients do not send
 * it again, so none of them stands for what may pass later. `retry`: its acknowledgement is withheld, and the door
 * tries again itself.
 */
type Reply5 = { readonly act: 'acknowledge' | 'disconnect', readonly reasonCode: number } | { readonly act: 'retry' }

/** `refuse`: MQTT 3.1.1 has no word for it, so the operator has chosen (`onRefused`). `close`: without a word. */
type Reply4 = 'refuse' | 'retry' | 'close'

interface Reply {
  readonly connack: { readonly 4: number, readonly 5: number }
  readonly message: { readonly 4: Reply4, readonly 5: Reply5 }
}

function acknowledge (reasonCode: number): Reply['message'] {
  return { 4: 'refuse', 5: { act: 'acknowledge', reasonCode } }
}

function disconnect (reasonCode: number): Reply['message'] {
  return { 4: 'close', 5: { act: 'disconnect', reasonCode } }
}

const retry: Reply['message'] = { 4: 'retry', 5: { act: 'retry' } }
const { badUserNameOrPassword, notAuthorized, serverUnavailable } = returnCodes

/** The wire form of every refusal: of a CONNECT, and of a message. */
export const replies = {
  'malformed': {
    connack: { 4: notAuthorized, 5: reasonCodes.malformedPacket },
    message: acknowledge(reasonCodes.payloadFormatInvalid)
  },
  'too-large': {
    connack: { 4: notAuthorized, 5: reasonCodes.packetTooLarge },
    message: acknowledge(reasonCodes.implementationSpecificError)
  },
  'unauthenticated': {
    connack: { 4: badUserNameOrPassword, 5: reasonCodes.badUserNameOrPassword },
    message: disconnect(reasonCodes.notAuthorized)
  },
  'unverifiable': { connack: { 4: serverUnavailable, 5: reasonCodes.serverUnavailable }, message: retry },
  'forbidden': {
    connack: { 4: notAuthorized, 5: reasonCodes.notAuthorized }, message: acknowledge(reasonCodes.notAuthorized)
  },
  'no-route': {
    connack: { 4: notAuthorized, 5: reasonCodes.topicNameInvalid }, message: acknowledge(reasonCodes.topicNameInvalid)
  },
  'invalid-event': {
    connack: { 4: notAuthorized, 5: reasonCodes.payloadFormatInvalid },
    message: acknowledge(reasonCodes.payloadFormatInvalid)
  },
  'rate-limited': { connack: { 4: serverUnavailable, 5: reasonCodes.quotaExceeded }, message: retry },
  'overloaded': { connack: { 4: serverUnavailable, 5: reasonCodes.serverBusy }, message: retry },
  'undeliverable': {
    connack: { 4: serverUnavailable, 5: reasonCodes.serverUnavailable },
    message: acknowledge(reasonCodes.implementationSpecificError)
  },
  'sink-unavailable': { connack: { 4: serverUnavailable, 5: reasonCodes.serverUnavailable }, message: retry },
  'journal-full': { connack: { 4: serverUnavailable, 5: reasonCodes.serverUnavailable }, message: retry },
  'delivery-timeout': { connack: { 4: serverUnavailable, 5: reasonCodes.serverUnavailable }, message: retry },
  'shutting-down': {
    connack: { 4: serverUnavailable, 5: reasonCodes.serverUnavailable },
    message: disconnect(reasonCodes.serverShuttingDown)
  },
  'internal': {
    connack: { 4: serverUnavailable, 5: reasonCodes.implementationSpecificError },
    message: disconnect(reasonCodes.implementationSpecificError)
  }
} as const satisfies Record<RefusalCode, Reply>

export function messageReply5 (code: RefusalCode): Reply5 { return replies[code].message[5] }
export function messageReply4 (code: RefusalCode): Reply4 { return replies[code].message[4] }

/** The name of the user property in which answers of MQTT 5 tell a refusal's own code, which reason codes share. */
export const codeProperty = 'code'

/** What a client of MQTT 5 is told beside the reason code. */
export function refusalProperties ({ code, detail, retryAfterMs }: Refusal): Properties {
  const told = retryAfterMs === undefined ? [] : [['retryAfterMs', String(retryAfterMs)] as const]
  return { reasonString: detail, userProperties: [[codeProperty, code], ...told] }
}

/** A CONNECT that is refused; `reasonCode` where it is not the one of the table. */
export function connackOf (refusal: Refusal, receiver: Receiver, reasonCode?: { 4: number, 5: number }): Buffer {
  const codes = reasonCode ?? replies[refusal.code].connack
  const properties = receiver.version === 5 ? refusalProperties(refusal) : noProperties
  return encodeConnack({ type: 'CONNACK', sessionPresent: false, reasonCode: codes[receiver.version], properties }, receiver)
}

/** A CONNECT that breaks a rule. MQTT 3.1.1 has an answer to two of them; undefined: the connection is just closed. */
export function connackOfViolation ({ reasonCode, detail }: Violation, receiver: Receiver): Buffer | undefined {
  if (receiver.version === 5) {
    return encodeConnack(
      { type: 'CONNACK', sessionPresent: false, reasonCode, properties: { reasonString: detail } }, receiver)
  }
  const returnCode = reasonCode === reasonCodes.unsupportedProtocolVersion
    ? returnCodes.unacceptableProtocolVersion
    : reasonCode === reasonCodes.clientIdentifierNotValid ? returnCodes.identifierRejected : undefined
  if (returnCode === undefined) return undefined
  return encodeConnack({ type: 'CONNACK', sessionPresent: false, reasonCode: returnCode, properties: noProperties }, receiver)
}

/** How a connection ends by this side. */
export interface Ending { readonly reasonCode: number, readonly properties: Properties }

function ending (reasonCode: number, reasonString: string): Ending {
  return { reasonCode, properties: { reasonString } }
}

/** Ends that are no refusal of a message. */
export const endings = {
  takenOver: ending(reasonCodes.sessionTakenOver, 'another connection has this client id now'),
  silent: ending(reasonCodes.keepAliveTimeout, 'nothing was heard for one and a half times the keep alive'),
  // No reason code is for this: that of the keep alive is for clients of which nothing was heard.
  tooSlow: ending(
    reasonCodes.implementationSpecificError, 'a packet was not complete in time; send it in one go, or smaller ones'),
  revoked: ending(reasonCodes.notAuthorized, 'access has ended; authenticate again'),
  stopping: ending(reasonCodes.serverShuttingDown, 'this gateway is stopping; connect again'),
  nothingDelivered: ending(reasonCodes.protocolError, 'nothing is delivered or asked for here, so this packet answers nothing'),
  answerTooLarge: ending(reasonCodes.packetTooLarge, 'the answer is above the maximum packet size; ask for less at once'),
  releasedTooEarly: ending(reasonCodes.protocolError, 'PUBREL came before the PUBREC of its message'),
  expiryFromNothing: ending(reasonCodes.protocolError, 'a session that ends with its connection cannot be prolonged')
}

/** What the node is told of a packet that breaks a rule. */
export function refusalOf ({ reasonCode, detail }: Violation): Refusal {
  return refuse(reasonCode === reasonCodes.packetTooLarge ? 'too-large' : 'malformed', detail)
}

/** Undefined in MQTT 3.1.1, whose servers have no DISCONNECT. */
export function disconnectOf ({ reasonCode, properties }: Ending, receiver: Receiver): Buffer | undefined {
  return receiver.version === 5 ? encodeDisconnect({ type: 'DISCONNECT', reasonCode, properties }, receiver) : undefined
}

const noDelivery: Properties = { reasonString: 'this server takes messages and delivers none; read from Kafka' }

/** Nothing can be subscribed to here: every topic filter is refused, and none was ever there. */
function subscriptionAnswer (
  packet: SubscribePacket | UnsubscribePacket, receiver: Receiver, tellsReasons: boolean
): Buffer {
  const isSubscribe = packet.type === 'SUBSCRIBE'
  const count = isSubscribe ? packet.subscriptions.length : packet.topicFilters.length
  const refused = receiver.version === 5 ? reasonCodes.notAuthorized : subscriptionFailure
  const reasonCode = isSubscribe ? refused : reasonCodes.noSubscriptionExisted
  return encodeSuback({
    type: isSubscribe ? 'SUBACK' : 'UNSUBACK', packetId: packet.packetId,
    properties: isSubscribe && receiver.version === 5 && tellsReasons ? noDelivery : noProperties,
    reasonCodes: new Array<number>(count).fill(reasonCode)
  }, receiver)
}

/**
 * The answer to a packet that needs no more than itself; undefined: a client does not send such a one. Without
 * `tellsReasons` it has no texts (MQTT-3.1.2-29 of version 5).
 */
export function answerTo (packet: Packet, receiver: Receiver, tellsReasons: boolean): Buffer | undefined {
  if (packet.type === 'PINGREQ') return pingrespBytes
  if (packet.type !== 'SUBSCRIBE' && packet.type !== 'UNSUBSCRIBE') return undefined
  return subscriptionAnswer(packet, receiver, tellsReasons)
}

/** A PUBCOMP. */
export function completionOf (packetId: number, reasonCode: number, receiver: Receiver): Buffer {
  const bytes = Buffer.allocUnsafe(acknowledgementBytesMax)
  const packet = { type: 'PUBCOMP', packetId, reasonCode, properties: noProperties } as const
  return bytes.subarray(0, writeAcknowledgement(bytes, 0, packet, receiver))
}
