// The APIs of Kafka that are spoken, in which versions, and which version two sides agree on (KIP-35).

import { KafkaError } from '../kafka-error.ts'
import { Writer } from './writer.ts'

/** Versions that are written and read here; all of Kafka 2.8 to 4.3 know one of each. */
export const apis = {
  produce: { key: 0, name: 'Produce', min: 9, max: 12, flexible: true },
  metadata: { key: 3, name: 'Metadata', min: 9, max: 12, flexible: true },
  saslHandshake: { key: 17, name: 'SaslHandshake', min: 1, max: 1, flexible: false },
  apiVersions: { key: 18, name: 'ApiVersions', min: 0, max: 3, flexible: true },
  initProducerId: { key: 22, name: 'InitProducerId', min: 3, max: 5, flexible: true },
  describeConfigs: { key: 32, name: 'DescribeConfigs', min: 4, max: 4, flexible: true },
  saslAuthenticate: { key: 36, name: 'SaslAuthenticate', min: 2, max: 2, flexible: true }
} as const satisfies Record<string, Api>

export interface Api {
  readonly key: number
  readonly name: string
  readonly min: number
  readonly max: number
  /** Whether these versions are flexible ones (KIP-482). */
  readonly flexible: boolean
}

export interface VersionRange { readonly key: number, readonly min: number, readonly max: number }

/** The version of each API, by key. */
export type Versions = ReadonlyMap<number, number>

/** The highest version of each API that both sides know, or which one they have none in common of. */
export function agreeOn (offered: readonly VersionRange[], needed: readonly Api[]): Versions | KafkaError {
  const versions = new Map<number, number>()
  for (const { key, name, min, max } of needed) {
    const range = offered.find(one => one.key === key)
    const version = Math.min(max, range?.max ?? -1)
    if (range === undefined || version < Math.max(min, range.min)) {
      const has = range === undefined ? 'does not know it' : `has versions ${range.min} to ${range.max}`
      return new KafkaError(
        `this gateway speaks ${name} in versions ${min} to ${max}, and the broker ${has}`, { type: 'UNSUPPORTED_VERSION' })
    }
    versions.set(key, version)
  }
  return versions
}

export interface RequestHead {
  readonly api: Api
  readonly version: number
  readonly correlationId: number
  readonly clientId: string
}

/** A writer behind the size, to be set by `finish`, and the header of a request (v1, or v2 where it is flexible). */
export function beginRequest ({ api, version, correlationId, clientId }: RequestHead, sizeBytes?: number): Writer {
  const writer = new Writer(sizeBytes).int32(0).int16(api.key).int16(version).int32(correlationId).text(clientId)
  // ApiVersions became flexible with version 3 only.
  if (api.flexible && (api !== apis.apiVersions || version >= 3)) writer.zero()
  return writer
}

/** Sets the size of a request, which other bytes of `extraBytes` are a part of, and gives what was written. */
export function finish (writer: Writer, extraBytes = 0): Buffer {
  writer.int32At(0, writer.length - 4 + extraBytes)
  return writer.slice()
}
