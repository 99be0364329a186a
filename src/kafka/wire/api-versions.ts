// ApiVersions: which APIs a broker knows, and in which versions (KIP-35, KIP-511).

import { KafkaError } from '../kafka-error.ts'
import { unreadable } from './unreadable.ts'
import type { VersionRange } from './apis.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

const unsupportedVersion = 35

/** What the broker's metrics call this client (KIP-511). */
const software = { name: 'sluice', version: '1' }

/** Version 0 has no body. */
export function writeApiVersions (writer: Writer, version: number): void {
  if (version >= 3) writer.compactText(software.name).compactText(software.version).zero()
}

/**
 * The ranges; `again` where the broker does not know the version that was asked in, which it says in the layout of
 * version 0.
 */
export function readApiVersions (reader: Reader, version: number): readonly VersionRange[] | 'again' | KafkaError {
  const code = reader.int16()
  if (code === unsupportedVersion && version > 0) return 'again'
  const range = (): VersionRange => ({ key: reader.int16(), min: reader.int16(), max: reader.int16() })
  const ranges = version >= 3
    ? reader.compactArray(7, () => {
        const one = range()
        reader.tags()
        return one
      })
    : reader.array(6, range)
  if (reader.broken) return unreadable('ApiVersions')
  return code === 0 ? ranges : new KafkaError(`the broker answered ApiVersions with error ${code}`)
}
