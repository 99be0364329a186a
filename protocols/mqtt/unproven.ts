// What a connection holds before its client is known: bytes of the small budget for all such connections.

import type { Ingress } from '../../src/contract/adapter.ts'
import type { Peer } from '../../src/contract/envelope.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { ConnectPacket } from './codec/packet.ts'
import type { PacketReader } from './codec/packet-reader.ts'
import { reasonCodes } from './codec/reason-codes.ts'
import type { ProtocolVersion } from './codec/rules.ts'
import type { Violation } from './codec/violation.ts'
import { connackOf, connackOfViolation, refusalOf } from './reply.ts'

/** A client that is turned away before it is known. */
export interface Unread {
  readonly type: 'unread'
  readonly refusal: Refusal
  /** Its CONNACK; undefined where it could read none, or its version has none for it. */
  readonly answer: Buffer | undefined
}

/** The Maximum Packet Size of a client that has not told it yet. */
const packetBytesMax = 1_024

export class Unproven {
  readonly #ingress: Ingress
  readonly #peer: Peer
  #bytes = 0

  constructor (ingress: Ingress, peer: Peer) {
    this.#ingress = ingress
    this.#peer = peer
  }

  /** The CONNECT; undefined: more of it must come. */
  read (reader: PacketReader): ConnectPacket | Unread | undefined {
    const packet = reader.next()
    if (packet?.type === 'violation') return unread(refusalOf(packet), reader.version, packet)
    const noRoom = this.hold(reader.heldBytes)
    if (noRoom !== undefined) return unread(noRoom, reader.version)
    return packet?.type === 'CONNECT' ? packet : undefined
  }

  /** Makes it so many bytes, or says that there is no room for them. */
  hold (bytes: number): Refusal | undefined {
    const moreBytes = bytes - this.#bytes
    const refusal = moreBytes > 0 ? this.#ingress.reservePreAuth(moreBytes, this.#peer) : undefined
    if (refusal !== undefined) return refusal
    if (moreBytes < 0) this.#ingress.releasePreAuth(-moreBytes, this.#peer)
    this.#bytes = bytes
    return undefined
  }
}

function unread (refusal: Refusal, version: ProtocolVersion | undefined, violation?: Violation): Unread {
  // Whoever has not said that it speaks MQTT could not read the answer.
  if (version === undefined) return { type: 'unread', refusal, answer: undefined }
  const receiver = { version, packetBytesMax }
  // MQTT has no limit for a CONNECT: what is too large breaks no rule, and is refused like anybody who may not connect.
  const isBroken = violation !== undefined && violation.reasonCode !== reasonCodes.packetTooLarge
  const answer = isBroken ? connackOfViolation(violation, receiver) : connackOf(refusal, receiver)
  return { type: 'unread', refusal, answer }
}
