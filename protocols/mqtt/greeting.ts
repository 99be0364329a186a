// From a CONNECT to a client that is let in, or to the CONNACK that tells it why not.

import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { Eventually } from '../../src/contract/adapter.ts'
import type { Peer, Principal } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { nodeNowMs } from '../../src/contract/session.ts'
import { MessageAttributes } from './attributes.ts'
import { encodeConnack } from './codec/encode.ts'
import type { Receiver } from './codec/encode.ts'
import type { ConnectPacket, Will } from './codec/packet.ts'
import { noProperties } from './codec/properties.ts'
import type { Properties } from './codec/properties.ts'
import { reasonCodes, returnCodes } from './codec/reason-codes.ts'
import { credentialsOf } from './credentials.ts'
import type { Sender } from './decode.ts'
import type { Door } from './door.ts'
import { heldWill } from './held-will.ts'
import type { HeldWill } from './held-will.ts'
import { connackOf } from './reply.ts'
import type { ClientSession, Occupant } from './session.ts'

/** A client that is let in, and the CONNACK that says so. */
export interface Welcome {
  readonly connack: Buffer
  readonly sender: Sender
  readonly session: ClientSession
  readonly receiver: Receiver
  readonly will: HeldWill | undefined
  /** 0: there is none. */
  readonly keepAliveMs: number
  readonly expiryMs: number
  readonly inFlightMax: number
  readonly tellsReasons: boolean
}

/** Whose CONNECT it is. */
export interface Newcomer extends Occupant {
  readonly peer: Peer
  /** It has left meanwhile. */
  readonly isGone: boolean
}

/** Where its CONNECT came from. */
interface Source {
  readonly stream: Readable
  /** More came with it. */
  readonly saysMore: boolean
}

/** Neither version limits it (section 3.1.2.11.4). */
const packetBytesMax = 268_435_460
const secondMs = 1_000
/** Under pressure new clients get so much less of a window. */
const pressureDivisor = 4

const stopping = refuse('shutting-down', 'this gateway is stopping; connect again')
const busy = refuse('overloaded', 'too many clients connect at once; come back later', { retryAfterMs: 5_000 })
const failed = refuse('internal', 'who connects could not be found out, for a reason of the gateway')
const noMethods = refuse('unauthenticated', 'no authentication method is known here; send user name and password')
const idTooLong = refuse('too-large', 'the client id is above its limit; choose a shorter one')
const packetsTooSmall = refuse('too-large', 'the Maximum Packet Size is too small for a CONNACK; take larger packets')
const noRoomForWill = refuse('overloaded', 'there is no room for the will; connect without one, or later')

/** Codes that differ from those of the refusal. */
const codesOf = {
  noMethods: { 4: returnCodes.notAuthorized, 5: reasonCodes.badAuthenticationMethod },
  idTooLong: { 4: returnCodes.identifierRejected, 5: reasonCodes.clientIdentifierNotValid },
  willTopic: { 4: returnCodes.notAuthorized, 5: reasonCodes.topicNameInvalid },
  noRoomForWill: { 4: returnCodes.serverUnavailable, 5: reasonCodes.quotaExceeded }
}

/** Why a client is turned away, where it is not for the usual code. */
interface Turned { readonly refusal: Refusal, readonly codes?: { 4: number, 5: number } | undefined }

/** A buffer is the CONNACK of a client that is turned away. */
export async function greet (
  connect: ConnectPacket, door: Door, newcomer: Newcomer, source: Source
): Promise<Welcome | Buffer> {
  const receiver = { version: connect.version, packetBytesMax: connect.properties.maximumPacketSize ?? packetBytesMax }
  const result = await decide(connect, door, { newcomer, receiver, source }).catch((error: unknown): Turned => {
    door.log.error({ error }, 'a client was not let in for a fault')
    return { refusal: failed }
  })
  if ('connack' in result) return result
  const { refusal, codes } = result
  if (!newcomer.isGone) door.refused(refusal, newcomer.peer)
  const connack = connackOf(refusal, receiver, codes)
  return connack.length > receiver.packetBytesMax ? Buffer.alloc(0) : connack
}

interface Asked { readonly newcomer: Newcomer, readonly receiver: Receiver, readonly source: Source }

async function decide (connect: ConnectPacket, door: Door, asked: Asked): Promise<Welcome | Turned> {
  const { newcomer } = asked
  const sinceMs = nodeNowMs()
  if (connect.properties.authenticationMethod !== undefined) return { refusal: noMethods, codes: codesOf.noMethods }
  if (Buffer.byteLength(connect.clientId) > door.config.clientIdBytesMax) {
    return { refusal: idTooLong, codes: codesOf.idTooLong }
  }
  const mayBegin = door.connectQueue.enter(newcomer.peer.address)
  if (mayBegin !== true && !(await mayBegin)) return { refusal: door.ingress.draining.on ? stopping : busy }
  // Nobody hears the answer. Its client may be here again, and must not lose its session to a connection that is over.
  if (newcomer.isGone || door.ingress.draining.on) return { refusal: stopping }
  const principal = await authenticate(connect, door, newcomer)
  if (isRefusal(principal)) return { refusal: principal }
  await hearEnd(connect, asked.source)
  // Whoever has left already takes the session from nobody.
  if (newcomer.isGone) return { refusal: stopping }
  const heldOffMs = door.holdOffs.leftMs({ principal, clientId: connect.clientId })
  if (heldOffMs > 0) return { refusal: heldOff(heldOffMs) }
  return admit(connect, door, { ...asked, principal, sinceMs })
}

/**
 * A client that had left before this begins is gone when it is over. Not one that keeps no session and has sent
 * messages along: they are all that it came for. Whoever keeps one sends again what was not acknowledged.
 */
async function hearEnd ({ cleanStart, properties }: ConnectPacket, { stream, saysMore }: Source): Promise<void> {
  const keepsSession = !cleanStart || (properties.sessionExpiryInterval ?? 0) > 0
  if (saysMore && !keepsSession) return
  // A turn may be half over, the next one hears what the client said last, and the one after that its end.
  for (let turn = 0; turn < 3; turn++) {
    // Its end stands behind what was not read.
    if (keepsSession) stream.read()
    await setImmediate()
  }
}

function heldOff (retryAfterMs: number): Refusal {
  return refuse('overloaded', 'a message of this client was refused for good; send it no more', { retryAfterMs })
}

async function authenticate (connect: ConnectPacket, door: Door, { peer }: Newcomer): Promise<Principal | Refusal> {
  const { ingress, config, log } = door
  try {
    const found: Eventually<Principal | Refusal> =
      ingress.authenticate(credentialsOf(connect, config, ingress.schemes), peer)
    return await found
  } catch (error) {
    log.error({ error }, 'authentication threw')
    return failed
  }
}

/** It has proved who it is: its will and its session are looked at. */
async function admit (
  connect: ConnectPacket, door: Door, asked: Asked & { readonly principal: Principal, readonly sinceMs: number }
): Promise<Welcome | Turned> {
  const { newcomer, receiver, principal } = asked
  const sender = senderOf(connect, door, { peer: newcomer.peer, principal })
  const terms = termsOf(connect, door)
  const properties = connect.version === 4 ? noProperties : propertiesOf(connect, door, sender.clientId, terms)
  const connackFor = (sessionPresent: boolean): Buffer =>
    encodeConnack({ type: 'CONNACK', sessionPresent, reasonCode: reasonCodes.success, properties }, receiver)
  if (connackFor(false).length > receiver.packetBytesMax) return { refusal: packetsTooSmall }
  const will = connect.will === undefined ? undefined : holdWill(connect.will, sender, door)
  if (will !== undefined && 'refusal' in will) return will
  const session = door.sessions.create()
  const lease = await door.ingress.claimSession(sender.clientId, principal.name, session, asked.sinceMs)
  const late = isRefusal(lease) ? lease : door.ingress.draining.on ? stopping : undefined
  if (isRefusal(lease) || late !== undefined) {
    if (!isRefusal(lease)) lease.release()
    if (will !== undefined) door.wills.drop(will)
    return { refusal: late ?? stopping }
  }
  const isResumed = session.begin(newcomer, lease, { start: connect.cleanStart, sender })
  if (newcomer.isGone) {
    // Its session has been handed over to it, and goes on: it left as if its CONNACK had just been on its way.
    session.leave({ expiryMs: terms.expiryMs, will })
    return { refusal: stopping }
  }
  const tellsReasons = connect.properties.requestProblemInformation !== 0
  return { connack: connackFor(isResumed), sender, session, receiver, will, ...terms, tellsReasons }
}

function senderOf (
  { version, clientId }: ConnectPacket, { config }: Door, { peer, principal }: Pick<Sender, 'peer' | 'principal'>
): Sender {
  const id = clientId === '' ? `sluice-${randomUUID()}` : clientId
  return {
    version, clientId: id, principal, peer, structured311: config.structured311, contentType: config.contentType,
    plain: new MessageAttributes({ clientId: id, retain: false, properties: noProperties })
  }
}

function holdWill (will: Will, sender: Sender, door: Door): HeldWill | Turned {
  const channel = door.channelOf(will.topicName)
  if (typeof channel !== 'string') return { refusal: channel, codes: codesOf.willTopic }
  const held = heldWill(will, channel, sender)
  return door.wills.hold(held) ? held : { refusal: noRoomForWill, codes: codesOf.noRoomForWill }
}

interface Terms {
  readonly keepAliveMs: number
  readonly expiryMs: number
  readonly inFlightMax: number
}

/** What holds for this client: what it asks for, within what the operator allows. */
function termsOf ({ version, keepAlive, cleanStart, properties }: ConnectPacket, { config, ingress }: Door): Terms {
  const { keepAliveMaxMs, sessionExpiryMaxMs } = config
  const shrunkMax = Math.max(1, Math.floor(config.inFlightMax / pressureDivisor))
  const inFlightMax = ingress.pressure.on ? shrunkMax : config.inFlightMax
  if (version === 4) {
    return { keepAliveMs: keepAlive * secondMs, expiryMs: cleanStart ? 0 : sessionExpiryMaxMs, inFlightMax }
  }
  const isKept = keepAlive > 0 && keepAlive * secondMs <= keepAliveMaxMs
  return {
    keepAliveMs: isKept ? keepAlive * secondMs : Math.floor(keepAliveMaxMs / secondMs) * secondMs,
    expiryMs: Math.min((properties.sessionExpiryInterval ?? 0) * secondMs, sessionExpiryMaxMs), inFlightMax
  }
}

/** Section 3.2.2.3: whatever is not told has its default. Retain is taken, as an attribute of the event. */
function propertiesOf (connect: ConnectPacket, { config }: Door, clientId: string, terms: Terms): Properties {
  const { keepAliveMs, expiryMs, inFlightMax } = terms
  const askedExpiryMs = (connect.properties.sessionExpiryInterval ?? 0) * secondMs
  return {
    sessionExpiryInterval: askedExpiryMs === expiryMs ? undefined : Math.floor(expiryMs / secondMs),
    receiveMaximum: inFlightMax,
    maximumPacketSize: config.packetBytesMax,
    assignedClientIdentifier: connect.clientId === '' ? clientId : undefined,
    topicAliasMaximum: config.topicAliasesMax === 0 ? undefined : config.topicAliasesMax,
    wildcardSubscriptionAvailable: 0,
    subscriptionIdentifierAvailable: 0,
    sharedSubscriptionAvailable: 0,
    serverKeepAlive: connect.keepAlive * secondMs === keepAliveMs ? undefined : keepAliveMs / secondMs
  }
}
