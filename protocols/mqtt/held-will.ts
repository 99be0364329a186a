// A will that is kept, whose it is, and what it holds.

import { blockBytesMax } from './codec/cursor.ts'
import type { Will } from './codec/packet.ts'
import type { Sender } from './decode.ts'

export interface HeldWill {
  readonly will: Will
  readonly channel: string
  readonly sender: Sender
  /** Everything that is kept for it. */
  readonly bytes: number
}

/** The objects of a will and its sender, and those of one user property. */
const willBytes = 640
const userPropertyBytes = 128

/** Takes a will as its sender's, with copies of its bytes: views of a chunk would keep all of the chunk in memory. */
export function heldWill ({ payload, properties, ...rest }: Will, channel: string, sender: Sender): HeldWill {
  const { correlationData: data, ...others } = properties
  const { clientId, principal, peer } = sender
  const textBytes = Buffer.byteLength(JSON.stringify([rest, others, channel, clientId, principal, peer]))
  return {
    will: {
      ...rest, payload: ownBytes(payload),
      properties: data === undefined ? properties : { ...others, correlationData: ownBytes(data) }
    },
    channel, sender,
    // Two bytes a character at most, and the text of all properties that one of them may be cut from.
    bytes: willBytes + payload.length + 2 * (data?.length ?? 0) + 2 * textBytes + Math.min(textBytes, blockBytesMax) +
      userPropertyBytes * (others.userProperties?.length ?? 0)
  }
}

/** Not of the pool, a piece of which keeps all of it. */
function ownBytes (bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(own)
  return own
}
