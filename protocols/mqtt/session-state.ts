// The state of a session as bytes, from the worker that had it to the one that has it next.

import type { Will } from './codec/packet.ts'

interface WaitingWill { readonly will: Will, readonly channel: string }

interface State {
  readonly packetIds: Iterable<number>
  readonly will: WaitingWill | undefined
}

interface WrittenWill extends Omit<WaitingWill, 'will'> {
  readonly will: Omit<Will, 'payload'>
  /** Base64, as JSON has no bytes. */
  readonly payload: string
  readonly correlationData: string | undefined
}

/** The forms are this gateway's own, of one version: both ends are workers of one process. */
export function writeState ({ packetIds, will }: State): Uint8Array {
  const written = will === undefined ? undefined : writtenWill(will)
  return Buffer.from(JSON.stringify({ packetIds: [...packetIds], will: written }))
}

function writtenWill ({ will, channel }: WaitingWill): WrittenWill {
  const { payload, properties, ...rest } = will
  const { correlationData, ...others } = properties
  return {
    channel, will: { ...rest, properties: others }, payload: payload.toString('base64'),
    correlationData: correlationData?.toString('base64')
  }
}

export function readState (bytes: Uint8Array): { packetIds: readonly number[], will: WaitingWill | undefined } {
  const { packetIds, will } = JSON.parse(Buffer.from(bytes).toString()) as { packetIds: number[], will?: WrittenWill }
  if (will === undefined) return { packetIds, will: undefined }
  const { channel, correlationData } = will
  const properties = correlationData === undefined
    ? will.will.properties
    : { ...will.will.properties, correlationData: Buffer.from(correlationData, 'base64') }
  return { packetIds, will: { channel, will: { ...will.will, properties, payload: Buffer.from(will.payload, 'base64') } } }
}
